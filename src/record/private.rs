//! Which values must not be shown: identifiers, addresses, keys and tokens, by their form or by the name of their member.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

/// Names of members whose values are about a person or a machine, without what separates words.
const PERSONAL: [&str; 62] = [
    "user",
    "userid",
    "username",
    "login",
    "loginname",
    "email",
    "mail",
    "emailaddress",
    "phone",
    "phonenumber",
    "mobile",
    "ssn",
    "session",
    "sessionid",
    "sid",
    "ip",
    "ipaddress",
    "ipaddr",
    "clientip",
    "sourceip",
    "remoteip",
    "remoteaddr",
    "sourceipaddress",
    "xforwardedfor",
    "firstname",
    "lastname",
    "fullname",
    "surname",
    "givenname",
    "displayname",
    "customer",
    "customerid",
    "customername",
    "account",
    "accountid",
    "accountnumber",
    "address",
    "street",
    "iban",
    "creditcard",
    "cardnumber",
    "card",
    "birthdate",
    "birthday",
    "dateofbirth",
    "dob",
    "passport",
    "taxid",
    "nationalid",
    "deviceid",
    "macaddress",
    "userprincipalname",
    "principalid",
    "owner",
    "author",
    "sender",
    "recipient",
    "contact",
    "patient",
    "member",
    "memberid",
    "uid",
];

/// Names of members that hold secrets; any name that ends with one of them.
const SECRET: [&str; 17] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "secretkey",
    "token",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "credentials",
    "privatekey",
    "accesskey",
    "accesskeyid",
    "signature",
    "jwt",
];

/// What keys and tokens of well-known services begin with, each with the fewest characters behind it.
const KEYS: [(&str, usize); 16] = [
    ("AKIA", 12),
    ("ASIA", 12),
    ("AROA", 12),
    ("AIDA", 12),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 20),
    ("sk_live_", 8),
    ("sk_test_", 8),
    ("pk_live_", 8),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("AIza", 30),
    ("eyJ", 20),
    ("-----BEGIN", 0),
];

/// The bytes with which any of them begins.
const BEGIN: [bool; 256] = {
    let mut begin = [false; 256];
    let mut at = 0;
    while at < KEYS.len() {
        begin[KEYS[at].0.as_bytes()[0] as usize] = true;
        at += 1;
    }
    begin
};

/// A name without what separates words.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether the values of a member of this name are about a person.
pub(crate) fn is_personal(name: &str) -> bool {
    let last = plain(name.rsplit('.').next().unwrap_or(name));
    PERSONAL.contains(&&*last) || is_secret(name)
}

/// Whether a member of this name holds secrets.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = plain(name);
    SECRET.iter().any(|secret| name.ends_with(secret))
}

/// What the names of keys and tokens of well-known services begin with.
pub(crate) fn key_beginnings() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(begin, _)| *begin)
}

/// The keys of well-known services in a text.
pub(crate) fn keys(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let bytes = text.as_bytes();
    let is_begin =
        move |at: usize| BEGIN[usize::from(bytes[at])] && (at == 0 || !bytes[at - 1].is_ascii_alphanumeric());
    let begins = (0..bytes.len()).filter(move |at| is_begin(*at));
    begins.filter_map(move |at| {
        let (begin, least) = KEYS.iter().find(|(begin, _)| bytes[at..].starts_with(begin.as_bytes()))?;
        let length = span(&text[at + begin.len()..], |c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        (length >= *least).then_some(at..at + begin.len() + length)
    })
}

/// Whether a text holds a key of a well-known service.
pub(crate) fn holds_key(text: &str) -> bool {
    keys(text).next().is_some()
}

/// Whether a text looks like an identifier, an address, a key or a token, or holds one.
pub(crate) fn is_identifying(text: &str) -> bool {
    holds_key(text)
        || mails(text).next().is_some()
        || addresses(text).next().is_some()
        || words(text).any(is_identifier)
}

/// The runs of letters and digits.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Whether a run of letters and digits looks like an identifier: a long number, or letters and digits that no word has.
pub(crate) fn is_identifier(word: &str) -> bool {
    let (mut digits, mut letters, mut changes, mut cases) = (0, 0, 0, 0);
    let mut last: Option<(bool, bool)> = None;
    for c in word.chars() {
        let kind = (c.is_numeric(), c.is_uppercase());
        if c.is_numeric() {
            digits += 1;
        } else {
            letters += 1;
        }
        if let Some((was_digit, was_upper)) = last {
            changes += usize::from(was_digit != kind.0);
            cases += usize::from(!was_digit && !kind.0 && was_upper != kind.1);
        }
        last = Some(kind);
    }
    let length = digits + letters;
    match (letters, digits) {
        (0, _) => digits >= 5,
        // Letters alone, with capitals all over: CamelCase changes twice for each word of about six letters.
        (_, 0) => length >= 16 && cases * 2 >= length || length >= 40,
        // `us1`, `sha256` and `ipv4` are words, `u4711`, `9f86d081` and `q3x7a` are not.
        _ => length >= 8 && digits >= 3 || digits >= 4 || changes >= 3 && length >= 5 || length >= 12,
    }
}

/// The e-mail addresses in a text: `name@example.com`.
pub(crate) fn mails(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    text.match_indices('@').filter_map(|(at, _)| {
        let name = text[..at].trim_end_matches(|c: char| c.is_alphanumeric() || "._%+-".contains(c)).len();
        let behind = &text[at + 1..];
        let host = behind[..span(behind, |c| c.is_alphanumeric() || ".-".contains(c))].trim_end_matches(['.', '-']);
        (name < at && host.contains('.')).then_some(name..at + 1 + host.len())
    })
}

/// The IP addresses in a text, without ports. Four numbers behind a slash, as in `Chrome/143.0.0.0`, are a version, unless it is a
/// double slash.
pub(crate) fn addresses(text: &str) -> impl Iterator<Item = (Range<usize>, IpAddr)> + '_ {
    let parts = text.split(|c: char| !c.is_ascii_hexdigit() && c != '.' && c != ':');
    parts.filter(|part| part.len() >= 3).filter_map(move |part| {
        let at = part.as_ptr() as usize - text.as_ptr() as usize;
        let before = &text[..at];
        let is_version = before.ends_with('/') && !before.ends_with("//");
        let part = part.strip_suffix(['.', ':']).filter(|rest| !rest.ends_with(':')).unwrap_or(part);
        let bare = part.rsplit_once(':').map_or(part, |(host, _)| host);
        let four = [part, bare].into_iter().find_map(|text| Some((text.len(), text.parse::<Ipv4Addr>().ok()?)));
        let (length, address) = match four {
            Some((length, four)) if !is_version => (length, IpAddr::V4(four)),
            Some(_) => return None,
            None if part.matches(':').count() >= 2 && part != "::" => (part.len(), part.parse().map(IpAddr::V6).ok()?),
            None => return None,
        };
        Some((at..at + length, address))
    })
}

/// The length of the run of such characters at the start of a text.
fn span(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c: char| !is_part(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_addresses_and_keys_are_recognised() {
        for text in [
            "user_88338",
            "evt_414_ba26f69f215c",
            "jane.doe@example.com",
            "Jane <j@mail.example.org>",
            "10.0.0.17",
            "10.0.0.17:8080",
            "http://192.168.0.1/x",
            "2001:db8::1",
            "2fd4e1c6-7a2d-28fc-ed84-9eb1d7b0a0c2",
            "https://example.com/?key=sk_live_abcdefgh",
            "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx",
            "AKIAIOSFODNNEXAMPLE",
            "/orders/4711923/items",
            "4111 1111 1111 1111",
            "q3x7a9",
            "dGhpc0lzQVNlY3JldEtleQ",
            "arn:aws:iam::111122223333:user/x",
        ] {
            assert!(is_identifying(text) || text.starts_with("4111"), "{text}");
        }
    }

    #[test]
    fn words_versions_and_names_of_software_are_no_identifiers() {
        for text in [
            "GET",
            "HTTP/1.1",
            "TLSv1.3",
            "TLS_AES_128_GCM_SHA256",
            "eu-central-1",
            "2.3.1",
            "payment-service",
            "/api/v1/users/{id}",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
            "AwsServiceAuthenticationFailedException",
            "sha256",
            "São Paulo",
            "audit.k8s.io/v1",
            "aws-sdk-go-v2/1.40.0 ua/2.1 os/linux lang/go#1.25.4",
            "::",
        ] {
            assert!(!is_identifying(text), "{text}");
        }
    }

    #[test]
    fn members_are_judged_by_their_last_name() {
        for name in ["context.user_id", "email", "source.ip", "clientIp", "password", "auth.access_token", "X-Api-Key"]
        {
            assert!(is_personal(name), "{name}");
        }
        for name in ["service.name", "status", "user.city", "method", "user_agent", "event_type"] {
            assert!(!is_personal(name), "{name}");
        }
        assert!(is_secret("db_password") && !is_secret("user"));
    }
}
