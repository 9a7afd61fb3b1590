//! The alphabet of SMS.

/// The default alphabet of GSM (3GPP TS 23.038, 6.2.1). One character beyond it, `ç` for one, and 70 fit into a part of an SMS instead
/// of 160.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                   ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Returns whether all of a text is in the alphabet that fits most into an SMS.
pub(crate) fn is_of_gsm(text: &str) -> bool {
    text.chars().all(|c| GSM.contains(c))
}
