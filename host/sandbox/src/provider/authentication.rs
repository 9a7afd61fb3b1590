//! How the host authenticates, from the contract's types.

use crate::contract::v0_2::twofactor::provider::types as wit;
use crate::egress::Secret;
use crate::egress::authentication::{
    AwsKey, ClientAuthentication, Credentials, Entries, HmacHash, HmacKey, HttpAuthentication, JwtAlgorithm, JwtKey,
    KeyEncoding, LoginFormat, OAuth2Client, OAuth2Grant, RequestSignature, SignatureTemplates, SignedJwt, TokenLogin,
    TokenPlace,
};

pub(super) fn http_authentication(asked: wit::HttpAuthentication) -> HttpAuthentication {
    match asked {
        wit::HttpAuthentication::None => HttpAuthentication::None,
        wit::HttpAuthentication::Basic(asked) => HttpAuthentication::Basic(credentials(asked)),
        wit::HttpAuthentication::Bearer(token) => HttpAuthentication::Bearer(Secret::new(token)),
        wit::HttpAuthentication::Header(header) => {
            HttpAuthentication::Header { name: header.name, value: Secret::new(header.value) }
        }
        wit::HttpAuthentication::Oauth2(client) => HttpAuthentication::OAuth2(Box::new(oauth2_client(client))),
        wit::HttpAuthentication::Jwt(token) => HttpAuthentication::Jwt(signed_jwt(token)),
        wit::HttpAuthentication::Login(login) => HttpAuthentication::Login(Box::new(token_login(login))),
        wit::HttpAuthentication::Signature(signature) => {
            HttpAuthentication::Signature(Box::new(request_signature(signature)))
        }
        wit::HttpAuthentication::AwsSignature(key) => HttpAuthentication::AwsSignature(AwsKey {
            access_key_id: key.access_key_id,
            secret_access_key: Secret::new(key.secret_access_key),
            region: key.region,
            service: key.service,
        }),
        wit::HttpAuthentication::WebhookSignature(secret) => HttpAuthentication::WebhookSignature(Secret::new(secret)),
    }
}

pub(super) fn credentials(asked: wit::Credentials) -> Credentials {
    Credentials { username: asked.username, password: Secret::new(asked.password) }
}

pub(super) fn entries(all: Vec<wit::Entry>) -> Entries {
    all.into_iter().map(|entry| (entry.name, entry.value)).collect()
}

pub(super) fn jwt_algorithm(algorithm: wit::JwtAlgorithm) -> JwtAlgorithm {
    match algorithm {
        wit::JwtAlgorithm::Hs256 => JwtAlgorithm::Hs256,
        wit::JwtAlgorithm::Rs256 => JwtAlgorithm::Rs256,
        wit::JwtAlgorithm::Es256 => JwtAlgorithm::Es256,
    }
}

pub(super) fn hmac_key(key: wit::HmacKey) -> HmacKey {
    HmacKey {
        hash: match key.hash {
            wit::HmacHash::Sha1 => HmacHash::Sha1,
            wit::HmacHash::Sha256 => HmacHash::Sha256,
            wit::HmacHash::Sha512 => HmacHash::Sha512,
        },
        key: Secret::new(key.key),
        encoding: match key.encoding {
            wit::KeyEncoding::Text => KeyEncoding::Text,
            wit::KeyEncoding::Hex => KeyEncoding::Hex,
            wit::KeyEncoding::Base64 => KeyEncoding::Base64,
        },
    }
}

fn jwt_key(key: wit::JwtKey) -> JwtKey {
    JwtKey { algorithm: jwt_algorithm(key.algorithm), key: Secret::new(key.key), header: entries(key.header) }
}

fn signed_jwt(token: wit::SignedJwt) -> SignedJwt {
    SignedJwt { key: jwt_key(token.key), claims: entries(token.claims), valid_seconds: token.valid_seconds }
}

fn oauth2_client(client: wit::Oauth2Client) -> OAuth2Client {
    use wit::Oauth2ClientAuthentication as By;
    OAuth2Client {
        token_url: client.token_url,
        client_id: client.client_id,
        authentication: match client.authentication {
            By::None => ClientAuthentication::None,
            By::SecretInBody(secret) => ClientAuthentication::SecretInBody(Secret::new(secret)),
            By::SecretInHeader(secret) => ClientAuthentication::SecretInHeader(Secret::new(secret)),
            By::PrivateKeyJwt(key) => ClientAuthentication::PrivateKeyJwt(jwt_key(key)),
        },
        grant: match client.grant {
            wit::Oauth2Grant::ClientCredentials => OAuth2Grant::ClientCredentials,
            wit::Oauth2Grant::JwtBearer(token) => OAuth2Grant::JwtBearer(signed_jwt(token)),
        },
        scope: client.scope,
        parameters: entries(client.parameters),
    }
}

fn token_login(login: wit::TokenLogin) -> TokenLogin {
    TokenLogin {
        url: login.url,
        fields: login.fields.into_iter().map(|field| (field.name, Secret::new(field.value))).collect(),
        format: match login.format {
            wit::LoginFormat::Query => LoginFormat::Query,
            wit::LoginFormat::Form => LoginFormat::Form,
            wit::LoginFormat::Json => LoginFormat::Json,
        },
        expected: entries(login.expected),
        token: login.token,
        valid_seconds: login.valid_seconds,
        default_valid_seconds: login.default_valid_seconds,
        place: match login.place {
            wit::TokenPlace::Bearer => TokenPlace::Bearer,
            wit::TokenPlace::Header(name) => TokenPlace::Header(name),
            wit::TokenPlace::Query(name) => TokenPlace::Query(name),
        },
    }
}

fn request_signature(signature: wit::RequestSignature) -> RequestSignature {
    RequestSignature {
        key: hmac_key(signature.key),
        templates: SignatureTemplates {
            key_steps: signature.key_steps,
            values: entries(signature.values),
            signed_headers: entries(signature.signed_headers),
            text: signature.text,
            headers: entries(signature.headers),
            query: entries(signature.query),
            fields: entries(signature.fields),
        },
    }
}
