//! Random numbers that a seed repeats on every machine: SplitMix64.
//!
//! The generator of Steele, Lea and Flood («Fast Splittable Pseudorandom Number Generators», 2014),
//! as it is used to seed others. Its state is a counter, so that a number can also be had directly
//! from a seed and a place. It is no generator for secrets.

/// A sequence of random numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of a seed for one purpose: independent of those for others.
    #[must_use]
    pub fn of(seed: u64, purpose: &str, place: u64) -> Self {
        let mut state = Self::new(seed).next();
        for byte in purpose.bytes() {
            state = Self::new(state ^ u64::from(byte)).next();
        }
        Self::new(Self::new(state ^ place).next())
    }

    /// The next number, each of 64 bits as likely as not.
    #[expect(clippy::should_implement_trait, reason = "a sequence without an end is no iterator")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `count`, which is above 0.
    pub fn below(&mut self, count: usize) -> usize {
        let product = u128::from(self.next()) * count as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// From `least` to `most`, both included.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        let count = (i128::from(most) - i128::from(least) + 1).max(1).unsigned_abs();
        let offset = (u128::from(self.next()) * count) >> 64;
        least.saturating_add(i64::try_from(offset).unwrap_or(0))
    }

    /// True in so many of a thousand cases.
    pub fn one_in_thousand(&mut self, cases: usize) -> bool {
        self.below(1_000) < cases
    }

    /// Puts things in random order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        let mut random = Random::new(1_234_567);
        let numbers: Vec<u64> = (0..5).map(|_| random.next()).collect();
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(numbers, published);
    }

    #[test]
    fn what_is_drawn_lies_in_its_range_and_reaches_both_ends() {
        let mut random = Random::new(1);
        let drawn: Vec<i64> = (0..1_000).map(|_| random.between(-3, 3)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&-3), Some(&3)));
        assert!((0..1_000).all(|_| random.below(7) < 7));
        assert_eq!(Random::new(1).between(5, 5), 5);
    }

    #[test]
    fn purposes_and_places_have_sequences_of_their_own() {
        let first = |purpose, place| Random::of(1, purpose, place).next();
        assert_ne!(first("grid", 0), first("market", 0));
        assert_ne!(first("grid", 0), first("grid", 1));
        assert_eq!(first("grid", 1), first("grid", 1));
    }
}
