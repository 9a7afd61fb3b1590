//! `twofactor serve`: production.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use serde_json::json;
use twofactor::TwoFactor;
use twofactor::sandbox::IpNet;
use twofactor_toolkit::output::print_line;

use crate::config::{Config, Tls, build};
use crate::connections::{self, ConnectionLimits};
use crate::{app, middleware, telemetry};

/// Serves until SIGTERM or Ctrl-C, then finishes pending requests. Prints a line of JSON with the URL when it is ready.
///
/// # Errors
/// If the configuration is not valid, the address is in use, or the store or the keys cannot be opened.
pub(crate) async fn serve(config: &Path) -> anyhow::Result<()> {
    let config = Config::read(config)?;
    config.connections.check()?;
    let listener = listen(config.listen)?;
    let tls = match &config.tls {
        Some(tls) => Some(certificate(tls).await?),
        None => {
            outlive_hangup()?;
            None
        }
    };
    let address = listener.local_addr()?;
    let base = config.base_url(address)?;
    let oidc = config.oidc(&base)?;
    let metadata = config.fido_metadata()?;
    let engine = build(config.builder().await?).await?;
    if let Some(mut metadata) = metadata {
        metadata.begin(&engine)?;
        tokio::spawn(metadata.follow(engine.clone()));
    }
    let mut ready = json!({"url": config.listening_url(address)});
    first_administrator(&engine, &base, &mut ready).await?;
    announce(&ready)?;
    let public = config.sign_in_page_url(address)?;
    let maintenance = tokio::spawn(engine.clone().maintain(node_name(address.port())));
    let proxies: Arc<[IpNet]> = config.trusted_proxies.clone().into();
    let mut router = app::router_with(engine.clone(), config.trusted_proxies, public, oidc);
    if base.starts_with("https:") {
        router = middleware::over_tls(router);
    }
    let shutdown_timeout = Duration::from_secs(config.shutdown_timeout_seconds);
    run(listener, tls, router, &config.connections, proxies, shutdown_timeout).await?;
    maintenance.abort();
    // Missing statistics are not a failure of the server.
    if let Err(error) = engine.close().await {
        tracing::warn!(error = error.operator_detail(), "the statistics of the last seconds may be lost");
    }
    Ok(())
}

/// Binds an address. Connections before [`run`] wait.
pub(crate) fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| format!("`listen` = {address}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Adds the invitation link of the first administrator, while there is none. It is in this line only, and in no log.
pub(crate) async fn first_administrator(
    engine: &TwoFactor,
    base: &str,
    ready: &mut serde_json::Value,
) -> anyhow::Result<()> {
    if let Some(invitation) = engine.accounts().first_invitation().await? {
        ready["first_administrator"] = format!("{base}{}", invitation.path()).into();
    }
    Ok(())
}

/// Prints a line of JSON for whoever started the process.
pub(crate) fn announce(ready: &serde_json::Value) -> anyhow::Result<()> {
    print_line!("{ready}")
}

/// Serves until told to stop, then finishes pending requests for at most `shutdown_timeout`.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    router: Router,
    limits: &ConnectionLimits,
    proxies: Arc<[IpNet]>,
    shutdown_timeout: Duration,
) -> anyhow::Result<()> {
    let handle = Handle::new();
    let stop = handle.clone();
    tokio::spawn(async move {
        told_to_stop().await;
        tracing::info!(connections = stop.connection_count(), "stopping; pending requests will be finished");
        stop.graceful_shutdown(Some(shutdown_timeout));
    });
    tokio::spawn(telemetry::upkeep());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let (server, registering) = connections::server(listener, handle, limits, proxies)?;
    match tls {
        Some(tls) => server.acceptor(RustlsAcceptor::new(tls).acceptor(registering)).serve(service).await?,
        None => server.acceptor(registering).serve(service).await?,
    }
    tracing::info!("stopped");
    Ok(())
}

/// Returns the name of this server among those on the store: that of the machine, and the port.
fn node_name(port: u16) -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = kernel.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let host: String = host.trim().chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
    format!("{}:{port}", if host.is_empty() { "server" } else { &host })
}

async fn certificate(tls: &Tls) -> anyhow::Result<RustlsConfig> {
    let (chain, key) = (tls.certificate.clone(), tls.key.clone());
    let config = RustlsConfig::from_pem_file(&chain, &key).await.with_context(|| {
        format!("`tls.certificate` = {}, `tls.key` = {}: cannot use this certificate", chain.display(), key.display())
    })?;
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut renewed = signal(SignalKind::hangup())?;
        let config = config.clone();
        tokio::spawn(async move {
            while renewed.recv().await.is_some() {
                match config.reload_from_pem_file(&chain, &key).await {
                    Ok(()) => tracing::info!("the certificate was reloaded"),
                    Err(error) => {
                        tracing::error!(%error, "cannot reload the certificate; the current one stays in use")
                    }
                }
            }
        });
    }
    Ok(config)
}

/// Keeps SIGHUP, which asks for the certificate to be read again, from ending a server that has none.
fn outlive_hangup() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                tracing::info!("there is no certificate to reload");
            }
        });
    }
    Ok(())
}

/// SIGTERM or Ctrl-C.
async fn told_to_stop() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}
