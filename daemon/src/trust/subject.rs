//! stub
use claviger::reason::Location;
/// .
#[derive(Clone, Debug)]
pub struct Subject {
    /// .
    pub root: std::path::PathBuf,
    /// .
    pub device: u64,
    /// .
    pub inode: u64,
    /// .
    pub digest: String,
    /// .
    pub items: Vec<Item>,
}
/// .
#[derive(Clone, Debug)]
pub struct Item {
    /// .
    pub name: String,
    /// .
    pub value: String,
    /// .
    pub fingerprint: String,
    /// .
    pub command: bool,
    /// .
    pub at: Location,
}
/// .
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// .
    None,
    /// .
    Added,
    /// .
    Modified,
    /// .
    Removed,
}
/// .
pub struct Compared {
    /// .
    pub item: Item,
    /// .
    pub change: Change,
    /// .
    pub previous: Option<String>,
}
/// .
pub fn compare(_: &Subject, _: Option<&super::store::Record>) -> Vec<Compared> {
    todo!()
}
