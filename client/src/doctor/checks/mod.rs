//! The checks, one file each. Pure: from facts to findings.

pub(super) mod accounts;
pub(super) mod aws;
pub(super) mod azure;
pub(super) mod conflicts;
pub(super) mod credential;
pub(super) mod daemon;
pub(super) mod endpoint;
pub(super) mod gates;
pub(super) mod google;
pub(super) mod network;
pub(super) mod places;
pub(super) mod programs;
pub(super) mod service;
pub(super) mod settings;
