//! QR codes as SVG, for the `otpauth:` URI of an authenticator app.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// The width of the empty border, in modules: ISO/IEC 18004 requires four.
const QUIET_ZONE: i32 = 4;

/// Draws a text as a QR code of level M, black on white. The result is empty if the text is too long for one.
pub(crate) fn svg(text: &str) -> String {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else { return String::new() };
    let (size, mut path) = (code.size(), String::new());
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let width = (x..size).take_while(|x| code.get_module(*x, y)).count();
            let width = i32::try_from(width).unwrap_or_default();
            if width > 0 {
                // A rectangle for each run of dark modules.
                let _ = write!(path, "M{},{}h{width}v1h-{width}z", x + QUIET_ZONE, y + QUIET_ZONE);
            }
            x += width.max(1);
        }
    }
    let whole = size + 2 * QUIET_ZONE;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole} {whole}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{whole}\" height=\"{whole}\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::svg;

    #[test]
    fn a_code_is_black_on_white_with_a_quiet_zone_of_four_modules() {
        let uri = "otpauth://totp/Example:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Example";
        let drawn = svg(uri);
        // Version 5 has 37 modules.
        assert!(drawn.contains("viewBox=\"0 0 45 45\""), "{drawn}");
        // The upper left finder pattern: seven dark modules in the first row.
        assert!(drawn.contains("<path d=\"M4,4h7v1h-7z"), "{drawn}");
        assert!(drawn.ends_with("</svg>") && !drawn.contains(uri));
        assert_eq!(svg(&"x".repeat(3000)), "");
    }
}
