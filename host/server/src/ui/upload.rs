//! A form with a file (`multipart/form-data`, RFC 7578), as browsers send it.

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use http_body_util::BodyExt as _;

use super::posted::Posted;

/// The fields of a form as they came.
pub(super) struct Upload(Vec<(String, Bytes)>);

impl Upload {
    /// Reads it. `None` if it is not such a form, is cut off, or is longer than `longest`.
    pub(super) async fn read(request: Request, longest: usize) -> Option<Self> {
        let (head, body) = request.into_parts();
        let body = whole(body, longest).await?;
        let mut request = Request::from_parts(head, Body::from(body));
        // Its length was checked.
        DefaultBodyLimit::disable().apply(&mut request);
        let mut form = Multipart::from_request(request, &()).await.ok()?;
        let mut fields = Vec::new();
        while let Some(field) = form.next_field().await.ok()? {
            let Some(name) = field.name().map(str::to_owned) else { continue };
            fields.push((name, field.bytes().await.ok()?));
        }
        Some(Self(fields))
    }

    /// Returns the value of a field, unchanged.
    pub(super) fn part(&self, name: &str) -> Option<Bytes> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, bytes)| bytes.clone())
    }

    /// Returns what was typed, without files.
    pub(super) fn posted(&self) -> Posted {
        let text = |bytes: &Bytes| std::str::from_utf8(bytes).map(str::to_owned).unwrap_or_default();
        let typed: Vec<(String, String)> = self.0.iter().map(|(name, bytes)| (name.clone(), text(bytes))).collect();
        let pairs: Vec<(&str, &str)> = typed.iter().map(|(name, value)| (&**name, &**value)).collect();
        Posted::of(&pairs)
    }

    /// Returns what was typed into a field, without the spaces around it; empty if it is not there.
    pub(super) fn text(&self, name: &str) -> String {
        let bytes = self.part(name).unwrap_or_default();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

/// Reads a body. One that is too long is read on, up to as much again, and thrown away: a browser that is cut off while it sends shows no
/// answer.
async fn whole(mut body: Body, longest: usize) -> Option<Bytes> {
    let (mut whole, mut length) = (Vec::new(), 0usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.ok()?.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= longest {
            whole.extend_from_slice(&data);
        } else if length <= longest.saturating_mul(2) {
            whole = Vec::new();
        } else {
            return None;
        }
    }
    (length <= longest).then(|| whole.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const FORM: &[u8] = b"--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nname=\"component\"\r\n\
        --x\r\ncontent-disposition: form-data; name=\"component\"; filename=\"a;b.wasm\"\r\nContent-Type: application/wasm\r\n\r\n\
        \0asm\r\n--\r\n\r\n--y\r\n--x--\r\n";

    async fn sent(content_type: &str, body: &[u8], longest: usize) -> Option<Upload> {
        let request = Request::builder().method("POST").header("content-type", content_type);
        Upload::read(request.body(Body::from(body.to_vec())).unwrap(), longest).await
    }

    async fn read(body: &[u8]) -> Option<Upload> {
        sent("multipart/form-data; boundary=x", body, FORM.len()).await
    }

    #[tokio::test]
    async fn a_file_is_returned_unchanged() {
        let form = read(FORM).await.unwrap();
        assert_eq!(form.part("component").unwrap(), &b"\0asm\r\n--\r\n\r\n--y"[..]);
        assert_eq!(
            (form.text("note"), form.text("other"), form.part("other")),
            ("name=\"component\"".to_owned(), String::new(), None)
        );
    }

    #[tokio::test]
    async fn a_truncated_form_is_refused() {
        for end in 0..FORM.len() - "--\r\n".len() {
            assert!(read(&FORM[..end]).await.is_none(), "{end}");
        }
    }

    #[tokio::test]
    async fn a_form_that_is_too_long_is_refused() {
        assert!(sent("multipart/form-data; boundary=x", FORM, FORM.len() - 1).await.is_none());
    }

    #[tokio::test]
    async fn a_boundary_is_read_as_browsers_write_it() {
        let webkit = "----WebKitFormBoundaryAb1";
        let form = String::from_utf8_lossy(FORM).replace("--x", &format!("--{webkit}"));
        for kind in ["multipart/form-data", "Multipart/Form-Data; charset=utf-8"] {
            let form = sent(&format!("{kind}; boundary={webkit}"), form.as_bytes(), 1000).await.unwrap();
            assert!(form.part("component").is_some(), "{kind}");
        }
        for wrong in
            ["multipart/form-data", "multipart/mixed; boundary=x", "multipart/form-data; boundary=", "text/plain"]
        {
            assert!(sent(wrong, FORM, 1000).await.is_none(), "{wrong}");
        }
    }
}
