//! Who signs requests: the keys that AWS's own tools take from the environment.

use std::path::Path;

use hyper::header::HeaderValue;

use crate::error::{Error, Result};
use crate::psend::aws_v4::Signer;
use crate::psend::dialect::Signature;
use crate::psend::given::{Environment, said};
use crate::psend::secret::{Secret, Secrets};

/// Where the key's id stands.
pub(super) const KEY_ID: &str = "AWS_ACCESS_KEY_ID";

/// Who signs what this dialect sends. The secrets get what must not be shown.
///
/// # Errors
/// If the environment does not say whose key it is, or for which region.
pub(super) fn signer(form: &Signature, dialect: &Path, env: Environment<'_>, secrets: &Secrets) -> Result<Signer> {
    let wrong =
        |what: &str| Error::usage(format!("--dialect {}: requests are signed (aws-v4), and {what}", dialect.display()));
    let of = |name: &str| {
        let value = said(env, name)?;
        match value.as_deref().map(HeaderValue::from_str) {
            // It may be a secret, so it is not shown.
            Some(Err(_)) => Err(wrong(&format!("{name} has characters that are not valid in a header"))),
            _ => Ok(value),
        }
    };
    let needed = |name: &str| of(name)?.ok_or_else(|| wrong(&format!("{name} is not set")));
    let key_id = needed(KEY_ID)?;
    let key = Secret::new(needed("AWS_SECRET_ACCESS_KEY")?);
    let token = of("AWS_SESSION_TOKEN")?.map(Secret::new);
    secrets.add(&key);
    token.iter().for_each(|token| secrets.add(token));
    let region = match &form.region {
        Some(region) => Some(region.clone()),
        None => of("AWS_REGION")?.map_or_else(|| of("AWS_DEFAULT_REGION"), |region| Ok(Some(region)))?,
    };
    let region = region.ok_or_else(|| wrong("no region is known: set request.region in it, or AWS_REGION"))?;
    Ok(Signer { key_id, key, token, service: form.service.clone(), region })
}
