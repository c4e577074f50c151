//! Text for people: safe to show, quoted for a shell, and the API's words.

pub(crate) mod escape;
pub(crate) mod quote;
pub(crate) mod words;
pub(crate) mod wrap;
