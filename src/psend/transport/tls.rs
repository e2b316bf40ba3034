//! Which certificates psend trusts, and which one it sends.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{AlertDescription, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::cli::certificates::trusted;
use crate::cli::input::named_bytes;
use crate::error::{Error, Result};

/// What psend trusts and sends in TLS.
#[derive(Debug, Clone, Default)]
pub(in crate::psend) struct Trust {
    /// Certificates to trust instead of the system's.
    pub roots: Option<PathBuf>,
    /// The client certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Whether to accept any certificate.
    pub anyone: bool,
}

impl Trust {
    /// The configuration for connections with these protocols.
    ///
    /// # Errors
    /// If a file is not valid, or the system has no trusted certificates.
    pub(in crate::psend) fn config(&self, protocols: &[&[u8]]) -> Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::failed(format!("TLS: {e}")))?;
        let builder = if self.anyone {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates("--cert", certificate)?;
                let wrong = |e| Error::usage(format!("--key {}: {e}", key.display()));
                let private =
                    PrivateKeyDer::from_pem_slice(&named_bytes("--key", key)?).map_err(|e| wrong(e.to_string()))?;
                builder.with_client_auth_cert(chain, private).map_err(|e| wrong(e.to_string()))?
            }
        };
        config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
        Ok(config)
    }

    /// Checks the files that it names, also if no connection will use them.
    ///
    /// # Errors
    /// If one is not valid.
    pub(in crate::psend) fn check_files(&self) -> Result<()> {
        match (&self.roots, &self.identity) {
            (None, None) => Ok(()),
            (Some(_), _) => self.config(&[]).map(drop),
            (None, Some(_)) => Self { anyone: true, ..self.clone() }.config(&[]).map(drop),
        }
    }

    fn roots(&self) -> Result<RootCertStore> {
        let Some(file) = &self.roots else {
            return trusted().map_err(|e| Error::failed(format!("{e}; --cacert names others")));
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates("--cacert", file)? {
            roots.add(certificate).map_err(|e| Error::usage(format!("--cacert {}: {e}", file.display())))?;
        }
        Ok(roots)
    }
}

/// The TLS error that this error is, wraps, or was caused by. The `source` of an I/O error is not the error that it wraps, but the
/// source of that one.
pub(in crate::psend) fn error_in<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = || error_in(error.downcast_ref::<std::io::Error>()?.get_ref()?);
    error.downcast_ref().or_else(wrapped).or_else(|| error_in(error.source()?))
}

/// The alerts with which a server refuses a client certificate, or the lack of one. In TLS 1.3 they arrive after the client's side of
/// the handshake, when a request may already be on its way. The server has read nothing of it.
const REFUSALS: [AlertDescription; 10] = [
    AlertDescription::CertificateRequired,
    AlertDescription::NoCertificate,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
    AlertDescription::HandshakeFailure,
];

/// Whether the server refuses this client.
pub(in crate::psend) fn refuses_us(error: &rustls::Error) -> bool {
    REFUSALS.iter().any(|alert| *error == rustls::Error::AlertReceived(*alert))
}

/// The same, for an error of which only the text is left. It must end with the exact text of an alert.
pub(in crate::psend) fn says_it_refuses_us(words: &str) -> bool {
    REFUSALS.iter().any(|alert| words.ends_with(&rustls::Error::AlertReceived(*alert).to_string()))
}

fn certificates(flag: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let wrong = |e: String| Error::usage(format!("{flag} {}: {e}", file.display()));
    let text = named_bytes(flag, file)?;
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|e| wrong(e.to_string()))?;
    if found.is_empty() { Err(wrong("expected a certificate in PEM format".to_owned())) } else { Ok(found) }
}

/// Accepts any certificate (`--insecure`). Signatures are still checked, so the peer cannot change during the connection.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
