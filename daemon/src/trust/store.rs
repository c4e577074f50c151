//! stub
use super::*;
use claviger::reason::Problem;
use std::path::*;
use std::time::SystemTime;
/// .
#[derive(Debug)]
pub struct TrustStore;
/// .
pub struct Record {
    /// .
    pub root: PathBuf,
    /// .
    pub decision: Decision,
    /// .
    pub decided_at: SystemTime,
    /// .
    pub digest: String,
    /// .
    pub items: Vec<Item>,
}
impl TrustStore {
    /// .
    pub fn open(_: PathBuf) -> Result<Self, Problem> {
        todo!()
    }
    /// .
    pub fn decision(&self, _: Option<&Subject>) -> Decision {
        todo!()
    }
    /// .
    pub fn decide(&self, _: &Subject, _: Decision, _: SystemTime) -> Result<(), Problem> {
        todo!()
    }
    /// .
    pub fn record(&self, _: &Subject) -> Option<Record> {
        todo!()
    }
    /// .
    pub fn last_for_root(&self, _: &Path) -> Option<Record> {
        todo!()
    }
    /// .
    pub fn list(&self) -> Vec<Record> {
        todo!()
    }
    /// .
    pub fn revoke(&self, _: &Path) -> Result<u32, Problem> {
        todo!()
    }
    /// .
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        todo!()
    }
}
