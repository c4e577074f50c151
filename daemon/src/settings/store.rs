//! stub
use super::*;
use claviger::session::SessionContext;
/// .
#[derive(Debug)]
pub struct Roots {
    /// .
    pub managed: PathBuf,
    /// .
    pub config: PathBuf,
    /// .
    pub managed_owner: u32,
}
/// .
#[derive(Debug)]
pub struct SettingsStore;
/// .
pub struct WatchGuard;
impl SettingsStore {
    /// .
    pub fn new(_: Roots) -> Arc<Self> {
        todo!()
    }
    /// .
    pub async fn snapshot(self: &Arc<Self>, _: &SessionContext) -> Result<Arc<Snapshot>, Problem> {
        todo!()
    }
    /// .
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        todo!()
    }
    /// .
    pub fn watch_session(self: &Arc<Self>, _: &SessionContext) -> WatchGuard {
        todo!()
    }
}
/// .
pub fn explicit(_: &SessionContext) -> Result<Option<Arc<File>>, Problem> {
    todo!()
}
