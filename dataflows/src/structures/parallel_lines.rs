//! Lines side by side, which act as one: what they can do together, and how they share a transfer.

use gridweaver_model::decision::LineShare;
use gridweaver_model::{Ppm, Price, Text, Watts};
use std::collections::BTreeMap;

/// What lines can do together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// The sum of theirs.
    pub capacity: Watts,
    /// The capacity-weighted mean, rounded up.
    pub loss: Ppm,
    /// Likewise.
    pub wheeling_price: Price,
}

/// What lines carry already.
pub type Used = BTreeMap<Text, Watts>;

/// Joins lines, each with its capacity (above 0), loss and wheeling price; at least one.
#[must_use]
pub fn joined(lines: impl Iterator<Item = (Watts, Ppm, Price)>) -> Joined {
    let (mut capacity, mut loss, mut wheeling) = (0_i128, 0_i128, 0_i128);
    for (of_line, loss_of_line, price) in lines {
        capacity += i128::from(of_line.0);
        loss += i128::from(of_line.0) * i128::from(loss_of_line.0);
        wheeling += i128::from(of_line.0) * i128::from(price.0);
    }
    let divisor = capacity.max(1);
    let mean =
        |sum: i128| i64::try_from((sum + divisor - 1).div_euclid(divisor)).unwrap_or(i64::MAX);
    Joined {
        capacity: Watts(i64::try_from(capacity).unwrap_or(i64::MAX)),
        loss: Ppm(u32::try_from(mean(loss)).unwrap_or(u32::MAX)),
        wheeling_price: Price(mean(wheeling)),
    }
}

/// Shares what a hop is sent over its lines in proportion to capacity, rounded down and at most what
/// each line has left; what is over goes watt by watt to the line with most left (ties: least name).
#[must_use]
pub fn share(sent: Watts, lines: &[(Text, Watts)], used: &mut Used) -> Vec<LineShare> {
    let total: i128 = lines.iter().map(|(_, capacity)| i128::from(capacity.0)).sum();
    let mut shares_w = Vec::with_capacity(lines.len());
    let mut left_w = Vec::with_capacity(lines.len());
    for (line, capacity) in lines {
        let left = *capacity - used.get(line).copied().unwrap_or_default();
        let part = i128::from(sent.0) * i128::from(capacity.0) / total.max(1);
        let share = i64::try_from(part).unwrap_or(i64::MAX).min(left.0.max(0));
        shares_w.push(share);
        left_w.push(left.0 - share);
    }
    let over_w = sent.0 - shares_w.iter().sum::<i64>();
    for (share, more) in shares_w.iter_mut().zip(levelled(over_w, &left_w)) {
        *share += more;
    }
    let shares = lines.iter().zip(shares_w).filter(|(_, power_w)| *power_w > 0);
    shares
        .map(|((line, _), power_w)| {
            *used.entry(line.clone()).or_default() += Watts(power_w);
            LineShare { line: line.clone(), power: Watts(power_w) }
        })
        .collect()
}

/// What each line gets of `over_w` where it goes watt by watt to the line with most left (ties: the
/// first): in the end those with more are level, some of the first one watt lower.
fn levelled(over_w: i64, left_w: &[i64]) -> Vec<i64> {
    let Some(most) = left_w.iter().max().copied().filter(|_| over_w > 0) else {
        return vec![0; left_w.len()];
    };
    let above = |level: i64| -> i128 {
        left_w.iter().map(|left| i128::from(left.saturating_sub(level).max(0))).sum()
    };
    // The least level that takes no more than there is.
    let (mut too_low, mut level) = (most.saturating_sub(over_w).saturating_sub(1), most);
    while level - too_low > 1 {
        let middle = too_low + (level - too_low) / 2;
        match above(middle) <= i128::from(over_w) {
            true => level = middle,
            false => too_low = middle,
        }
    }
    let mut rest = i128::from(over_w) - above(level);
    let given = left_w.iter().map(|left| {
        let lower = *left >= level && rest > 0;
        rest -= i128::from(lower);
        (left - level).max(0) + i64::from(lower)
    });
    given.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_over_goes_watt_by_watt_to_the_line_with_most_left(
            over_w in 0_i64..200,
            left_w in prop::collection::vec(-20_i64..60, 0..6),
        ) {
            let mut given = vec![0; left_w.len()];
            for _ in 0..over_w {
                let most = (0..left_w.len()).rev().max_by_key(|at| left_w[*at] - given[*at]);
                most.into_iter().for_each(|most| given[most] += 1);
            }
            prop_assert_eq!(levelled(over_w, &left_w), given);
        }
    }

    #[test]
    fn lines_are_filled_in_proportion_and_none_is_overrun() {
        let lines = [("a".into(), Watts(60)), ("b".into(), Watts(40))];
        let mut used = Used::from([("a".into(), Watts(50))]);
        let shares = share(Watts(41), &lines, &mut used);
        let power: Vec<i64> = shares.iter().map(|share| share.power.0).collect();
        assert_eq!(power, [10, 31], "24 and 16 in proportion, but `a` has 10 left");
        assert_eq!((used["a"], used["b"]), (Watts(60), Watts(31)));
    }
}
