//! TLS to a Redis. The server's certificate is always verified; there is no setting to leave that out.

use redis_source::TlsMaterial;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Which part of the material cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    Authorities,
    Certificate,
    Key,
    /// The key is of another certificate.
    OtherKey,
}

/// What opens connections with `material`.
pub(super) fn connector(material: &TlsMaterial) -> Result<TlsConnector, Unusable> {
    let mut roots = RootCertStore::empty();
    match &material.ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in certificates(pem).ok_or(Unusable::Authorities)? {
                let added = roots.add(certificate);
                added.map_err(|_| Unusable::Authorities)?;
            }
        }
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    let config = match &material.client {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate).ok_or(Unusable::Certificate)?;
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| Unusable::Key)?;
            let config = config.with_client_auth_cert(chain, key);
            config.map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => Unusable::OtherKey,
                _ => Unusable::Key,
            })?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The certificates in `pem`, if there is one.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates.ok().filter(|it| !it.is_empty())
}
