//! Fetches the metadata. Size and time are bounded.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Client, StatusCode};
use url::Url;

use super::blob::BLOB_BYTES;

/// How long it may take.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Where the metadata come from.
pub(super) struct Fetch {
    client: Client,
    url: Url,
}

impl Fetch {
    pub(super) fn new(client: Client, url: Url) -> Self {
        Self { client, url }
    }

    pub(super) async fn fetch(&self) -> anyhow::Result<Vec<u8>> {
        tokio::time::timeout(TIMEOUT, self.download()).await.context("the metadata service did not respond in time")?
    }

    async fn download(&self) -> anyhow::Result<Vec<u8>> {
        let sent = self.client.get(self.url.clone()).timeout(TIMEOUT).send().await;
        let mut answer = sent.context("the metadata service cannot be reached")?;
        if answer.status() != StatusCode::OK {
            bail!("the metadata service responded with status {}", answer.status().as_u16());
        }
        let mut whole = Vec::new();
        while let Some(part) = answer.chunk().await.context("the metadata service did not complete its response")? {
            if whole.len() + part.len() > BLOB_BYTES {
                bail!("the metadata service responded with too much data");
            }
            whole.extend_from_slice(&part);
        }
        Ok(whole)
    }
}
