//! Shows how a person can explore the API by hand.

use crate::text::escape;
use std::path::Path;

/// The command that lists the services of the API on `socket`. It works with releases 1.8 and 1.9 of grpcurl. Release
/// 1.8 sends the path as `:authority` unless another is named, which HTTP/2 does not allow.
pub(crate) fn grpcurl(socket: &Path) -> String {
    let path = socket.to_string_lossy();
    let path = shlex::try_quote(&path).unwrap_or_default();
    format!("grpcurl -plaintext -authority localhost -unix {path} list")
}

/// The same as a line for people.
pub(crate) fn line(command: &str) -> String {
    format!("API: {}", escape::line(command))
}

#[cfg(test)]
mod tests {
    use super::grpcurl;
    use std::path::Path;

    #[test]
    fn a_path_is_quoted_where_a_shell_would_split_it() {
        let command = |path: &str| grpcurl(Path::new(path));
        assert_eq!(
            command("/run/user/7/claviger/claviger.sock"),
            "grpcurl -plaintext -authority localhost -unix /run/user/7/claviger/claviger.sock list"
        );
        assert!(command("/home/a b/claviger.sock").contains("-unix '/home/a b/claviger.sock' list"));
    }
}
