//! Colors, and whether they are readable on each other.

use std::fmt;

/// Red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Color(pub(super) [u8; 3]);

impl Color {
    /// `#rrggbb`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 3];
        hex::decode_to_slice(text.strip_prefix('#')?, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Returns the relative luminance (WCAG 2.2).
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|byte| {
            let part = f64::from(byte) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Returns the contrast ratio (WCAG 2.2), 1 to 21.
    pub(super) fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// Returns the color mixed with as little white as necessary.
    pub(super) fn lightened_until(self, enough: impl Fn(Self) -> bool) -> Self {
        let mixed = |white: u16| {
            Self(self.0.map(|byte| {
                let byte = u16::from(byte);
                u8::try_from(byte + (255 - byte) * white / 20).unwrap_or(u8::MAX)
            }))
        };
        (0..=20).map(mixed).find(|color| enough(*color)).unwrap_or(Self([255; 3]))
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_standard() {
        let of = |one: &str, other: &str| Color::parse(one).zip(Color::parse(other)).map(|(a, b)| a.contrast(b));
        let near = |found: Option<f64>, wanted: f64| found.is_some_and(|found| (found - wanted).abs() < 0.01);
        assert!(near(of("#000000", "#ffffff"), 21.0));
        assert!(near(of("#ffffff", "#ffffff"), 1.0));
        assert!(near(of("#767676", "#ffffff"), 4.54));
        assert!(near(of("#ffffff", "#0000ff"), 8.59));
    }
}
