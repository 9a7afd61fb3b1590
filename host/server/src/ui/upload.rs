//! A form with a file (`multipart/form-data`, RFC 7578), as browsers send it.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header;
use http_body_util::BodyExt as _;
use memchr::memmem;

/// The fields of a form as they came.
pub(super) struct Upload {
    body: Bytes,
    boundary: String,
}

impl Upload {
    /// `None` if it is no such form, or longer than `longest`.
    pub(super) async fn read(request: Request, longest: usize) -> Option<Self> {
        let content_type = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?.to_owned();
        let boundary = boundary(&content_type)?.to_owned();
        let body = whole(request.into_body(), longest).await?;
        Some(Self { body, boundary })
    }

    /// What a field holds, to the letter.
    pub(super) fn part(&self, name: &str) -> Option<Bytes> {
        part(&self.body, &self.boundary, name)
    }

    /// What was typed into a field, without the blanks around it; empty if it is not there.
    pub(super) fn text(&self, name: &str) -> String {
        let bytes = self.part(name).unwrap_or_default();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

/// What is too long is read on, up to as much again, and thrown away: a browser that is cut off while it sends shows no answer.
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

fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|one| one.trim().strip_prefix("boundary="))?.trim_matches('"');
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

/// The content of the part with this name.
fn part(body: &Bytes, boundary: &str, name: &str) -> Option<Bytes> {
    let first = format!("--{boundary}\r\n");
    let between = format!("\r\n--{boundary}");
    let wanted = format!("name=\"{name}\"");
    let mut at = body.starts_with(first.as_bytes()).then_some(first.len())?;
    loop {
        let rest = body.get(at..)?;
        let head = memmem::find(rest, b"\r\n\r\n")?;
        let content = at + head + 4;
        let length = memmem::find(body.get(content..)?, between.as_bytes())?;
        let fields = String::from_utf8_lossy(rest.get(..head)?).into_owned();
        let disposition = fields.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case("content-disposition").then(|| value.to_owned())
        });
        if disposition.is_some_and(|value| value.split(';').any(|one| one.trim() == wanted)) {
            return Some(body.slice(content..content + length));
        }
        // Behind a boundary the next part begins on a line of its own; where two hyphens stand there is none.
        let next = content + length + between.len();
        at = body.get(next..next + 2).filter(|end| *end == b"\r\n").map(|_| next + 2)?;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const FORM: &[u8] = b"--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nname=\"component\"\r\n\
        --x\r\ncontent-disposition: form-data; name=\"component\"; filename=\"a;b.wasm\"\r\nContent-Type: application/wasm\r\n\r\n\
        \0asm\r\n--\r\n\r\n--y\r\n--x--\r\n";

    #[test]
    fn a_file_comes_out_as_it_went_in() {
        assert_eq!(part(&Bytes::from_static(FORM), "x", "component").unwrap(), &b"\0asm\r\n--\r\n\r\n--y"[..]);
        assert_eq!(part(&Bytes::from_static(FORM), "x", "other"), None);
    }

    #[test]
    fn a_form_that_is_cut_off_anywhere_is_no_form_or_lacks_the_file() {
        let file = FORM.len() - "\r\n--x--\r\n".len();
        for end in 0..file + "\r\n--x".len() {
            assert_eq!(part(&Bytes::from_static(&FORM[..end]), "x", "component"), None, "{end}");
        }
    }

    #[test]
    fn a_boundary_is_read_as_browsers_write_it() {
        assert_eq!(
            boundary("multipart/form-data; boundary=----WebKitFormBoundaryAb1"),
            Some("----WebKitFormBoundaryAb1")
        );
        assert_eq!(boundary("Multipart/Form-Data; charset=utf-8; boundary=\"a b\""), Some("a b"));
        for wrong in
            ["multipart/form-data", "multipart/mixed; boundary=x", "multipart/form-data; boundary=", "text/plain"]
        {
            assert_eq!(boundary(wrong), None, "{wrong}");
        }
    }
}
