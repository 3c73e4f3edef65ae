//! What second looks say about a machine: a rate with the interval in which the true one lies.

/// A rate with its interval; all between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Rate {
    pub rate: f64,
    pub low: f64,
    pub high: f64,
}

/// Quantile of the normal distribution for 95 per cent on both sides.
const Z: f64 = 1.959_963_984_540_054;

/// The rate of `hits` among `of` with its 95 per cent interval after Wilson (J. Am. Stat. Assoc. 22, 1927): right also for
/// few looks and for rates near zero, where the usual one is not. Nothing where nobody looked.
pub fn rate(hits: u64, of: u64) -> Option<Rate> {
    if of == 0 || hits > of {
        return None;
    }
    let (n, p) = (of as f64, hits as f64 / of as f64);
    let (zz, scale) = (Z * Z, 1.0 + Z * Z / n);
    let middle = (p + zz / (2.0 * n)) / scale;
    let half = Z / scale * (p * (1.0 - p) / n + zz / (4.0 * n * n)).sqrt();
    Some(Rate { rate: p, low: (middle - half).max(0.0), high: (middle + half).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    #[test]
    fn the_interval_is_that_of_published_examples() {
        for (hits, of, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let rate = rate(hits, of).unwrap();
            assert!((rate.low - low).abs() < 5e-5 && (rate.high - high).abs() < 5e-5, "{hits}/{of}: {rate:?}");
        }
        assert_eq!((rate(0, 0), rate(2, 1)), (None, None));
        assert_eq!(rate(20, 20).unwrap().high, 1.0);
    }
}
