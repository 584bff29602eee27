//! What a connection with TLS needs: whom to trust, what to show, and which name to expect. The certificate of a server is
//! always verified; there is no setting to leave that out.

use super::Reference;
use decide::{AddressProblem, Unavailable};
use std::error::Error;
use std::sync::{Arc, LazyLock};
use telemetry::tls_error;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// A value of an object, and where it is from.
pub type Referenced<'a> = (&'a Reference, &'a [u8]);

/// The settings of TLS connections to one server, or to several with the same.
#[derive(Clone)]
pub struct Tls {
    pub(super) connector: TlsConnector,
    /// The name in the certificate; `None` is the host.
    pub(super) server_name: Option<String>,
    /// What they were made of.
    material: [Vec<u8>; 3],
    ca: Option<Reference>,
    certificate: Option<Reference>,
}

/// The public certificate authorities.
static PUBLIC: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
    Arc::new(RootCertStore { roots })
});

/// One configuration, and so one store of sessions, for all that have no settings of their own.
static DEFAULT: LazyLock<TlsConnector> = LazyLock::new(|| {
    let config = ClientConfig::builder().with_root_certificates(Arc::clone(&PUBLIC));
    TlsConnector::from(Arc::new(config.with_no_client_auth()))
});

impl Default for Tls {
    fn default() -> Self {
        Self {
            connector: DEFAULT.clone(),
            server_name: None,
            material: Default::default(),
            ca: None,
            certificate: None,
        }
    }
}

impl Tls {
    /// Trusts the authorities `ca`, or the public ones, and shows the `client`'s certificate with its private key.
    ///
    /// # Errors
    /// Which reference holds something else, and what is wrong with it.
    pub fn new(
        server_name: Option<String>,
        ca: Option<Referenced<'_>>,
        client: Option<[Referenced<'_>; 2]>,
    ) -> Result<Self, Unavailable> {
        if ca.is_none() && client.is_none() {
            return Ok(Self {
                server_name,
                ..Self::default()
            });
        }
        let roots = ca.map_or_else(|| Ok(Arc::clone(&PUBLIC)), authorities)?;
        let config = ClientConfig::builder().with_root_certificates(roots);
        let config = match client {
            None => config.with_no_client_auth(),
            Some([certificate, key]) => {
                let chain = certificates(certificate)?;
                let private = PrivateKeyDer::from_pem_slice(key.1)
                    .map_err(|_| key.0.invalid(AddressProblem::NoPrivateKey))?;
                config
                    .with_client_auth_cert(chain, private)
                    .map_err(|error| {
                        let problem = match error {
                            rustls::Error::InconsistentKeys(_) => AddressProblem::OtherPrivateKey,
                            _ => AddressProblem::NoPrivateKey,
                        };
                        key.0.invalid(problem)
                    })?
            }
        };
        let bytes = |value: Option<Referenced<'_>>| value.map_or_else(Vec::new, |it| it.1.to_vec());
        let [certificate, key] = client.map_or([None, None], |client| client.map(Some));
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            server_name,
            material: [bytes(ca), bytes(certificate), bytes(key)],
            ca: ca.map(|it| it.0.clone()),
            certificate: certificate.map(|it| it.0.clone()),
        })
    }

    /// Whether both have the same content.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.material == other.material && self.server_name == other.server_name
    }

    /// The reference that `error` is about: the authorities did not issue the server's certificate, or the server does
    /// not accept the client's.
    pub(super) fn culprit(&self, error: &(dyn Error + 'static)) -> Option<&Reference> {
        match tls_error(error)? {
            rustls::Error::InvalidCertificate(_) => self.ca.as_ref(),
            rustls::Error::AlertReceived(_) => self.certificate.as_ref(),
            _ => None,
        }
    }
}

fn certificates((from, pem): Referenced<'_>) -> Result<Vec<CertificateDer<'static>>, Unavailable> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates
        .ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| from.invalid(AddressProblem::NoCertificate))
}

fn authorities(ca: Referenced<'_>) -> Result<Arc<RootCertStore>, Unavailable> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        let added = roots.add(certificate);
        added.map_err(|_| ca.0.invalid(AddressProblem::NoCertificate))?;
    }
    Ok(Arc::new(roots))
}
