//! stub
/// .
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// .
    pub root: std::path::PathBuf,
    /// .
    pub device: u64,
    /// .
    pub inode: u64,
}
