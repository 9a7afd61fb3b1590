//! Signatures of vendors, described by templates, against known values. Those of Tencent Cloud and Alibaba Cloud are the
//! examples in their documentation; the others were computed with `hmac` of Python from the vendors' descriptions.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::{Duration, SystemTime};

use ::http::{HeaderValue, Method};
use reqwest::Request;

use super::authentication::{Entries, HmacHash, HmacKey, KeyEncoding, RequestSignature, SignatureTemplates};
use super::origin::Origin;
use super::request_signature::SignatureScheme;
use super::secret::Secret;
use super::signature::SigningError;

/// 2026-01-31T12:00:00Z.
const NOW: u64 = 1_769_860_800;
const NONCE: &str = "000102030405060708090a0b0c0d0e0f";

fn entries(all: &[(&str, &str)]) -> Entries {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn asked(key: &str, text: &str) -> RequestSignature {
    RequestSignature {
        key: HmacKey { hash: HmacHash::Sha256, key: Secret::new(key), encoding: KeyEncoding::Text },
        templates: SignatureTemplates {
            key_steps: Vec::new(),
            values: Vec::new(),
            signed_headers: Vec::new(),
            text: text.to_owned(),
            headers: Vec::new(),
            query: Vec::new(),
            fields: Vec::new(),
        },
    }
}

struct Sent {
    method: Method,
    url: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    seconds: u64,
    nonce: &'static str,
}

impl Sent {
    fn post(url: &'static str, body: &'static str) -> Self {
        let headers = &[("content-type", "application/json")];
        Self { method: Method::POST, url, headers, body, seconds: NOW, nonce: NONCE }
    }

    fn signed_by(&self, asked: &RequestSignature) -> Result<Request, SigningError> {
        let (origin, url) = Origin::of_url(self.url).unwrap();
        let mut request = Request::new(self.method.clone(), url);
        for (name, value) in self.headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        *request.body_mut() = Some(self.body.into());
        let nonce = hex::decode(self.nonce).unwrap().try_into().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(self.seconds);
        SignatureScheme::new(asked).unwrap().sign(&origin, &mut request, now, nonce)?;
        Ok(request)
    }
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers()[name].to_str().unwrap()
}

/// <https://cloud.tencent.com/document/api/213/30654>, whose example is shown with a masked secret that is meant literally.
#[test]
fn tencent_cloud_tc3() {
    let mut asked = asked(
        "TC3Gu5t9xGARNpq86cd98joQYCN3*******",
        "TC3-HMAC-SHA256\n{unix-seconds}\n{date}/cvm/tc3_request\n{request|sha256|hex}",
    );
    let templates = &mut asked.templates;
    templates.key_steps = ["{date}", "cvm", "tc3_request"].map(str::to_owned).to_vec();
    templates.values = entries(&[(
        "request",
        "{method}\n{path}\n{query}\ncontent-type:{header.content-type}\nhost:{host}\n\ncontent-type;host\n{body|sha256|hex}",
    )]);
    templates.signed_headers = entries(&[("X-TC-Timestamp", "{unix-seconds}")]);
    templates.headers = entries(&[(
        "Authorization",
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******/{date}/cvm/tc3_request, \
         SignedHeaders=content-type;host, Signature={signature|hex}",
    )]);
    let sent = Sent {
        headers: &[("content-type", "application/json; charset=utf-8")],
        seconds: 1_551_113_065,
        ..Sent::post(
            "https://cvm.tencentcloudapi.com/",
            r#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}"#,
        )
    };
    let request = sent.signed_by(&asked).unwrap();
    assert_eq!(
        header(&request, "authorization"),
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******/2019-02-25/cvm/tc3_request, \
         SignedHeaders=content-type;host, Signature=2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c"
    );
    assert_eq!(header(&request, "x-tc-timestamp"), "1551113065");
}

/// <https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature>
#[test]
fn alibaba_cloud_acs3() {
    let mut asked = asked("YourAccessKeySecret", "ACS3-HMAC-SHA256\n{request|sha256|hex}");
    let templates = &mut asked.templates;
    templates.values = entries(&[
        ("names", "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"),
        (
            "request",
            "{method}\n{path}\n{query-sorted}\nhost:{host}\nx-acs-action:{header.x-acs-action}\n\
             x-acs-content-sha256:{body|sha256|hex}\nx-acs-date:{time}\nx-acs-signature-nonce:{nonce}\n\
             x-acs-version:{header.x-acs-version}\n\n{names}\n{body|sha256|hex}",
        ),
    ]);
    templates.signed_headers = entries(&[
        ("x-acs-content-sha256", "{body|sha256|hex}"),
        ("x-acs-date", "{time}"),
        ("x-acs-signature-nonce", "{nonce}"),
    ]);
    templates.headers = entries(&[(
        "authorization",
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders={names},Signature={signature|hex}",
    )]);
    let sent = Sent {
        headers: &[("x-acs-action", "RunInstances"), ("x-acs-version", "2014-05-26")],
        seconds: 1_698_315_752,
        nonce: "3156853299f313e23d1673dc12e1703d",
        ..Sent::post(
            "https://ecs.cn-shanghai.aliyuncs.com/?RegionId=cn-shanghai&ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
            "",
        )
    };
    let request = sent.signed_by(&asked).unwrap();
    let signature = header(&request, "authorization").rsplit('=').next();
    assert_eq!(signature, Some("06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"));
    assert_eq!(header(&request, "x-acs-date"), "2023-10-26T10:22:32Z");
}

/// <https://developers.solapi.com/references/authentication/api-key>
#[test]
fn solapi() {
    let mut asked = asked("5OH4ZGIVZYZKQXPQTF3E4E2AW7NCJ5ZR", "{time}{nonce}");
    asked.templates.headers = entries(&[(
        "authorization",
        "HMAC-SHA256 apiKey=NCSAYU7YDBXYORXC, date={time}, salt={nonce}, signature={signature|hex}",
    )]);
    let request = Sent::post("https://api.solapi.com/messages/v4/send", "{}").signed_by(&asked).unwrap();
    assert_eq!(
        header(&request, "authorization"),
        "HMAC-SHA256 apiKey=NCSAYU7YDBXYORXC, date=2026-01-31T12:00:00Z, salt=000102030405060708090a0b0c0d0e0f, \
         signature=bc69b2bd1f6fa805031d83db8028912a8e73c444df2784e5d10229db272a9e7d"
    );
}

/// <https://api.ncloud-docs.com/docs/common-ncpapi>
#[test]
fn naver_cloud_sens() {
    let mut asked = asked("SecretKey", "{method} {target}\n{unix-milliseconds}\nAccessKey");
    asked.templates.signed_headers = entries(&[("x-ncp-apigw-timestamp", "{unix-milliseconds}")]);
    asked.templates.headers =
        entries(&[("x-ncp-iam-access-key", "AccessKey"), ("x-ncp-apigw-signature-v2", "{signature|base64}")]);
    let url = "https://sens.apigw.ntruss.com/sms/v2/services/ncp:sms:kr:1:x/messages";
    let request = Sent::post(url, "{}").signed_by(&asked).unwrap();
    assert_eq!(header(&request, "x-ncp-apigw-timestamp"), "1769860800000");
    assert_eq!(header(&request, "x-ncp-apigw-signature-v2"), "Qk8WfDCPelFUXDW3g+ZzUOqmMogTCQ1Okg1Ky1GrIqI=");
}

/// <https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial>
#[test]
fn azure_communication_services() {
    let mut asked =
        asked("c2VjcmV0LWtleS1vZi1henVyZQ==", "{method}\n{target}\n{time-http};{host};{body|sha256|base64}");
    asked.key.encoding = KeyEncoding::Base64;
    asked.templates.signed_headers =
        entries(&[("x-ms-date", "{time-http}"), ("x-ms-content-sha256", "{body|sha256|base64}")]);
    asked.templates.headers = entries(&[(
        "authorization",
        "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature|base64}",
    )]);
    let url = "https://contoso.communication.azure.com/sms?api-version=2021-03-07";
    let request = Sent::post(url, r#"{"from":"+18005550100","message":"x"}"#).signed_by(&asked).unwrap();
    assert_eq!(header(&request, "x-ms-date"), "Sat, 31 Jan 2026 12:00:00 GMT");
    assert_eq!(header(&request, "x-ms-content-sha256"), "wzaiUGr6SrYuZqgCZm01gxH+lHnh0NCHpQ6Lwk0pEeo=");
    assert_eq!(
        header(&request, "authorization"),
        "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=gZmlCfqZsUWogyemfPNZDOrIXt0BD81xYTj8UydIg7k="
    );
}

/// <https://www.volcengine.com/docs/6369/67269>
#[test]
fn volcengine() {
    let mut asked = asked(
        "SecretAccessKey",
        "HMAC-SHA256\n{time-basic}\n{date-basic}/cn-north-1/volcSMS/request\n{request|sha256|hex}",
    );
    let templates = &mut asked.templates;
    templates.key_steps = ["{date-basic}", "cn-north-1", "volcSMS", "request"].map(str::to_owned).to_vec();
    templates.values = entries(&[(
        "request",
        "{method}\n{path}\n{query-sorted}\ncontent-type:{header.content-type}\nhost:{host}\n\
         x-content-sha256:{body|sha256|hex}\nx-date:{time-basic}\n\ncontent-type;host;x-content-sha256;x-date\n\
         {body|sha256|hex}",
    )]);
    templates.signed_headers = entries(&[("x-date", "{time-basic}"), ("x-content-sha256", "{body|sha256|hex}")]);
    templates.headers = entries(&[("authorization", "{signature|hex}")]);
    let url = "https://sms.volcengineapi.com/?Version=2020-01-01&Action=SendSms";
    let request = Sent::post(url, r#"{"SmsAccount":"7a"}"#).signed_by(&asked).unwrap();
    assert_eq!(header(&request, "authorization"), "7867b045fa3f81506b0b33dd43c6cd3e50a23dc7d9c8be820fab23454f9e8408");
}

/// <https://cloud.baidu.com/doc/Reference/s/Njwvz1wot>: the key is derived as hexadecimal digits.
#[test]
fn baidu_cloud() {
    let mut asked =
        asked("SecretKey", "{method}\n{path}\n{query-sorted}\ncontent-type:{header.content-type|url}\nhost:{host|url}");
    asked.templates.values = entries(&[("prefix", "bce-auth-v1/AccessKey/{time}/1800")]);
    asked.templates.key_steps = vec!["{prefix}{hex}".to_owned()];
    asked.templates.headers = entries(&[("authorization", "{prefix}/content-type;host/{signature|hex}")]);
    let url = "https://smsv3.bj.baidubce.com/api/v3/sendsms?clientToken=1";
    let request = Sent::post(url, "{}").signed_by(&asked).unwrap();
    assert_eq!(
        header(&request, "authorization"),
        "bce-auth-v1/AccessKey/2026-01-31T12:00:00Z/1800/content-type;host/b46765b6fdce8566f241fedf77742f5cf1c208d5e2872f7d6517edfdc1860860"
    );
}

#[test]
fn a_signature_is_put_into_the_query_or_into_fields_of_the_body() {
    let mut query = asked("key", "{target}{body}");
    query.templates.query = entries(&[("nonce", "{nonce}"), ("sign", "{signature|base64}")]);
    let request = Sent::post("https://a.example.com/send?a=1", "{}").signed_by(&query).unwrap();
    let pairs: Vec<_> = request.url().query_pairs().into_owned().map(|(name, _)| name).collect();
    assert_eq!(pairs, ["a", "nonce", "sign"]);

    let mut fields = asked("key", "{body}");
    fields.templates.fields = entries(&[("sign", "{signature|hex|upper}"), ("t", "{unix-seconds}")]);
    let body = |request: Request| String::from_utf8(request.body().unwrap().as_bytes().unwrap().to_vec()).unwrap();
    let signed = |text: &'static str, headers| {
        Sent { headers, ..Sent::post("https://a.example.com/", text) }.signed_by(&fields).map(body)
    };
    let json = &[("content-type", "application/json; charset=utf-8")][..];
    let form = &[("content-type", "application/x-www-form-urlencoded")][..];
    let is = |text: Result<String, SigningError>, begin: &str, end: &str| {
        let text = text.unwrap();
        assert!(text.starts_with(begin) && text.ends_with(end), "{text}");
    };
    is(signed("{\"a\": 1.50 } \n", json), "{\"a\": 1.50 ,\"sign\":\"", "\",\"t\":\"1769860800\"}");
    is(signed("{}", json), "{\"sign\":\"", "\",\"t\":\"1769860800\"}");
    is(signed("a=%20", form), "a=%20&sign=", "&t=1769860800");
    for (text, headers) in [
        ("{\"sign\":1}", json),
        ("[]", json),
        ("", json),
        ("sign=1", form),
        ("{}", &[][..]),
        ("{}", &[("content-type", "text/plain")]),
    ] {
        assert!(matches!(signed(text, headers), Err(SigningError::Denied(_))), "{text}");
    }
}

#[test]
fn a_signature_that_cannot_be_made_is_refused_with_what_is_wrong() {
    let header = |name: &str, template: &str| {
        let mut asked = asked("key", "{body}");
        asked.templates.headers = entries(&[(name, template)]);
        asked
    };
    let mut late = header("x-signature", "{signature|hex}");
    late.templates.values = entries(&[("all", "{header.x-date}")]);
    late.templates.signed_headers = entries(&[("x-date", "{time}")]);
    let mut early = header("x-signature", "{signature|hex}");
    early.templates.text = "{signature}".to_owned();
    let mut twice = header("x-date", "{signature|hex}");
    twice.templates.signed_headers = entries(&[("X-Date", "{time}")]);
    let mut named = header("x-signature", "{signature|hex}");
    named.templates.values = entries(&[("body", "x")]);
    let mut key = header("x-signature", "{signature|hex}");
    key.key.encoding = KeyEncoding::Hex;
    let mut steps = header("x-signature", "{signature|hex}");
    steps.templates.key_steps = vec!["x".to_owned(); 9];
    let mut moved = header("x-signature", "{signature|hex}");
    moved.templates.values = entries(&[("raw", "{body}"), ("same", "{raw|base64}")]);
    moved.templates.query = entries(&[("q", "{same|hex}")]);
    let mut authorization = header("x-signature", "{signature|hex}");
    authorization.templates.signed_headers = entries(&[("authorization", "x")]);
    for (asked, why) in [
        (header("x-date", "{time}"), "is not sent"),
        (header("x-signature", "{signature}"), "is not text"),
        (header("x-signature", "{signatur|hex}"), "unknown name `signatur`"),
        (header("host", "{signature|hex}"), "cannot set the header `host`"),
        (header("x-copy", "{signature|hex}{body|url}"), "repeats a part"),
        (header("x-copy", "{signature|hex}{header.x-key}"), "repeats a part"),
        (moved, "repeats a part"),
        (header("x-forwarded-for", "{signature|hex}"), "cannot set the header"),
        (header("a b", "{signature|hex}"), "malformed"),
        (asked("", "{body}"), "empty"),
        (late, "set later"),
        (early, "not known there yet"),
        (twice, "twice"),
        (named, "cannot be the name of a value"),
        (key, "not hexadecimal"),
        (steps, "at most 8 steps"),
        (authorization, "in `headers`"),
    ] {
        let error = SignatureScheme::new(&asked).map(|_| ()).unwrap_err();
        assert!(error.contains(why), "{why}: {error}");
    }
    // What the request makes of it is found as it leaves.
    let asked = header("x-signature", "{method}{body|lower|sha256|hex}{signature|hex}{path|sha1|base64}");
    assert!(Sent::post("https://a.example.com/", "a\nb").signed_by(&asked).is_ok());
}
