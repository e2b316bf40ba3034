//! The certificates that the system trusts.

use rustls::RootCertStore;

/// The certificates that the system trusts, or those of the file in SSL_CERT_FILE.
///
/// # Errors
/// If there are none. The message says how to install them.
pub(crate) fn trusted() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("the system has no certificates to trust (Debian and Ubuntu: ca-certificates)".to_owned());
    }
    Ok(roots)
}
