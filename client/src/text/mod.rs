//! Text for people: safe to show, quoted for a shell, and the words of the API.

pub(crate) mod escape;
pub(crate) mod quote;
pub(crate) mod words;
