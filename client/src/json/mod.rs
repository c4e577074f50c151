//! JSON forms of the daemon's answers. Names are part of the interface: add, never rename. Each form is a type, so that
//! docs/schemas/output.json, which the tests compare outputs with, is made from them (`schemas`).

/// Makes a type of output, and the function that fills it in: each field is named once, with its type and where it comes from.
macro_rules! form {
    ($($(#[$doc:meta])* fn $make:ident($($it:ident: $from:ty),* $(,)?) -> $name:ident {
        $($(#[$about:meta])* $field:ident: $type:ty = $value:expr,)*
    })*) => { $(
        $(#[$doc])*
        #[derive(serde::Serialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        pub(crate) struct $name { $($(#[$about])* $field: $type,)* }

        $(#[$doc])*
        pub(crate) fn $make($($it: $from),*) -> $name {
            $name { $($field: $value,)* }
        }
    )* };
}
pub(crate) use form;

mod account;
mod gate;
mod inspect;
mod lease;
mod news;
mod parts;
#[cfg(test)]
mod schemas;
mod share;
mod trust;
mod verbs;

pub(crate) use account::{account, accounts, left, login, reset};
pub(crate) use inspect::{entry, explain, pending, status};
pub(crate) use lease::{Lease, change, headers, lease, reported};
pub(crate) use news::news;
pub(crate) use parts::{Location, Remedy, own_location, remedy, text};
pub(crate) use share::share;
pub(crate) use trust::{record, workspace};
pub(crate) use verbs::*;
