//! What shows through of Java, which AWS evaluates intrinsic functions with.

use serde_json::Value;

/// A value as Java's `toString` prints Jackson's collections: `{Id=1, Name=x}`, `[1, a]`.
pub(crate) fn java_text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => match number.as_f64() {
            Some(double) if number.is_f64() => java_double(double),
            _ => number.to_string(),
        },
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(java_text).collect();
            format!("[{}]", texts.join(", "))
        }
        Value::Object(members) => {
            let texts: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{name}={}", java_text(value)))
                .collect();
            format!("{{{}}}", texts.join(", "))
        }
    }
}

/// `Double.toString`: plain from 10^-3 up to 10^7, else `1.0E10`.
fn java_double(double: f64) -> String {
    let size = double.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{double:?}");
    }
    let text = format!("{double:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => text,
    }
}

/// `Math.round`: the nearest whole number, halves up.
pub(super) fn java_round(double: f64) -> i64 {
    let below = double.floor();
    let rounded = if double - below >= 0.5 {
        below + 1.0
    } else {
        below
    };
    rounded as i64
}

/// `java.util.Random`: the same seed gives the numbers that AWS gives.
pub(crate) struct JavaRandom {
    state: u64,
}

impl JavaRandom {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;

    /// A generator with Java's scrambling of `seed`.
    pub(crate) fn seeded(seed: i64) -> JavaRandom {
        JavaRandom {
            state: (seed as u64 ^ JavaRandom::MULTIPLIER) & JavaRandom::MASK,
        }
    }

    fn bits(&mut self, count: u32) -> u32 {
        self.state = self
            .state
            .wrapping_mul(JavaRandom::MULTIPLIER)
            .wrapping_add(0xB)
            & JavaRandom::MASK;
        (self.state >> (48 - count)) as u32
    }

    /// `nextDouble`: uniform in `[0, 1)`.
    pub(crate) fn next_double(&mut self) -> f64 {
        let high = u64::from(self.bits(26)) << 27;
        let low = u64::from(self.bits(27));
        (high + low) as f64 / (1u64 << 53) as f64
    }

    /// A whole number in `[low, high)`; `low < high`.
    pub(crate) fn next_between(&mut self, low: i64, high: i64) -> i64 {
        let width = high.wrapping_sub(low) as u64 as f64;
        low.saturating_add((self.next_double() * width) as i64)
            .min(high - 1)
    }
}
