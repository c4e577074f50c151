//! Decides which requests of this program use the proxy of its environment.

use super::environment::variable;
use claviger_proxy::{NO_PROXY, PROXY, is_covered};
use reqwest::{Proxy, Url};

/// The proxy of the environment, for requests that need one.
pub(super) fn of_environment() -> Proxy {
    let proxy = first(&PROXY);
    Proxy::custom(move |url| proxy.clone().filter(|_| !is_passed_by(url)))
}

/// Whether any host needs no proxy.
pub(super) fn has_exceptions() -> bool {
    first(&NO_PROXY).is_some()
}

/// Whether requests to `url` bypass the proxy.
pub(super) fn is_passed_by(url: &Url) -> bool {
    let Ok(uri) = url.as_str().parse() else { return false };
    first(&NO_PROXY).is_some_and(|list| is_covered(&list, &uri))
}

fn first(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| variable(name))
}
