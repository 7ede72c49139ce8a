//! The score of a bid: what its energy really costs once unreliability and flexibility are priced
//! in. Lower is better.
//!
//! `price × (1 + w_r × (1 − reliability)) × (1 − w_f × flexibility)`; a negative price is divided
//! by the two factors instead, so that worse is always higher. Computed exactly in wide integers
//! and rounded once, half away from zero.

use gridweaver_model::rules::Dispatch;
use gridweaver_model::units::divide_rounded;
use gridweaver_model::{Millis, Ppm, Price};

const MILLION: i128 = 1_000_000;

/// The score in thousandths. `window` is the bid's length, above 0.
///
/// With weights of at most 10 and a horizon of at most 30 days, as the configuration enforces, no
/// product exceeds 10³⁸.
#[must_use]
pub fn score(price: Price, reliability: Ppm, window: Millis, rules: &Dispatch) -> Price {
    let horizon = i128::from(rules.flexibility_horizon.0);
    let flexible = i128::from(window.0).min(horizon);
    let unreliable = MILLION - i128::from(reliability.0);
    let raise =
        (MILLION * MILLION + i128::from(rules.reliability_weight) * unreliable, MILLION * MILLION);
    let lower =
        (MILLION * horizon - i128::from(rules.flexibility_weight) * flexible, MILLION * horizon);
    let (raise, lower) = (reduced(raise), reduced(lower));
    let price = i128::from(price.0);
    let exact = if price >= 0 {
        divide_rounded(price * raise.0 * lower.0, raise.1 * lower.1)
    } else {
        divide_rounded(price * raise.1 * lower.1, raise.0 * lower.0)
    };
    Price(i64::try_from(exact).unwrap_or(if exact < 0 { i64::MIN } else { i64::MAX }))
}

fn reduced((numerator, denominator): (i128, i128)) -> (i128, i128) {
    let (mut a, mut b) = (numerator, denominator);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (numerator / a, denominator / a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreliable_is_dearer_and_flexible_is_cheaper() {
        let rules = Dispatch::default();
        let hour = Millis(3_600_000);
        // 60 × 1.1 × (1 − 0.1 × ¼) = 64.35
        assert_eq!(score(Price(60_000), Ppm(900_000), hour, &rules), Price(64_350));
        // Divided: −60 / 1.1 / 0.975 = −55.944…
        assert_eq!(score(Price(-60_000), Ppm(900_000), hour, &rules), Price(-55_944));
        assert_eq!(score(Price(60_000), Ppm::ONE, Millis(i64::MAX), &rules), Price(54_000));
    }
}
