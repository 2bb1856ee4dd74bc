//! TLS for the S3 port: rustls on aws-lc-rs, TLS 1.2 and 1.3.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::Error;
use crate::config::Tls;

/// An acceptor for the certificate and key of `tls`.
///
/// # Errors
/// [`Error::Tls`] when a file cannot be read, is not PEM, or key and certificate do not match.
pub fn acceptor(tls: &Tls) -> Result<TlsAcceptor, Error> {
    config(tls)
        .map(|config| TlsAcceptor::from(Arc::new(config)))
        .map_err(|source| Error::Tls { cert: tls.cert.clone(), source })
}

/// A connector that trusts the certificates in `ca` and no others.
///
/// # Errors
/// [`Error::Tls`] when the file cannot be read or holds no certificate.
pub fn connector(ca: &Path) -> Result<TlsConnector, Error> {
    client(ca)
        .map(|config| TlsConnector::from(Arc::new(config)))
        .map_err(|source| Error::Tls { cert: ca.to_owned(), source })
}

fn client(ca: &Path) -> Result<ClientConfig, Box<dyn std::error::Error + Send + Sync>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca)? {
        roots.add(certificate?)?;
    }
    if roots.is_empty() {
        return Err("the certificate file holds no certificate".into());
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn config(tls: &Tls) -> Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
    let chain = CertificateDer::pem_file_iter(&tls.cert)?.collect::<Result<Vec<_>, _>>()?;
    if chain.is_empty() {
        return Err("the certificate file holds no certificate".into());
    }
    let key = PrivateKeyDer::from_pem_file(&tls.key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
