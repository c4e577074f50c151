//! The user at the other end of a connection. Only this user can reach a path in an own directory, but every user of the machine can
//! reach a port, so the kernel is asked for the owner of the client's socket.

use crate::listen::Io;
use std::{fs, net::SocketAddr};

/// Whether the client is a process of this user.
pub(crate) fn is_ours(io: &Io) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    match io {
        Io::Unix(stream) => stream.peer_cred().is_ok_and(|found| found.uid() == own),
        Io::Tcp(stream) => {
            let (Ok(client), Ok(server)) = (stream.peer_addr(), stream.local_addr()) else { return false };
            match cfg!(target_os = "linux") {
                // A row can be missing in one look, if the table changes meanwhile.
                true => (0..2).any(|_| owner(client, server) == Some(own)),
                // Other systems do not report the owner: there only the placeholder protects.
                false => true,
            }
        }
    }
}

/// Whether the client has closed its socket, or said that it sends no more. The kernel sends what was written before, and so tells us
/// only when we have read all of that.
pub(crate) fn has_left(io: &Io) -> bool {
    let Io::Tcp(stream) = io else { return false };
    let (Ok(client), Ok(server)) = (stream.peer_addr(), stream.local_addr()) else { return true };
    cfg!(target_os = "linux") && socket(client, server).is_none_or(|found| !found.is_established)
}

/// Owner of the socket at `client` that is connected to `server`.
fn owner(client: SocketAddr, server: SocketAddr) -> Option<u32> {
    // One that its process has closed would be root's.
    socket(client, server).filter(|found| found.is_established).map(|found| found.uid)
}

/// A socket, as the kernel lists it.
#[derive(Debug, PartialEq, Eq)]
struct Socket {
    uid: u32,
    is_established: bool,
}

fn socket(client: SocketAddr, server: SocketAddr) -> Option<Socket> {
    // A client may use an IPv6 socket for an IPv4 address.
    ["/proc/self/net/tcp", "/proc/self/net/tcp6"].into_iter().find_map(|path| {
        let table = fs::read_to_string(path).ok()?;
        socket_in(&table, client.port(), server)
    })
}

/// That owner, from a table of the kernel (proc_pid_net(5)).
fn socket_in(table: &str, port: u16, server: SocketAddr) -> Option<Socket> {
    let SocketAddr::V4(server) = server else { return None };
    // The kernel prints it in the byte order of the machine.
    let ip = format!("{:08X}", u32::from_ne_bytes(server.ip().octets()));
    let (local, remote) = (format!("{ip}:{port:04X}"), format!("{ip}:{:04X}", server.port()));
    table.lines().skip(1).find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let is_it = words.next()?.ends_with(&local) && words.next()?.ends_with(&remote);
        let is_established = words.next()? == "01";
        // Queues, timer and retransmissions lie between.
        is_it.then(|| words.nth(3))??.parse().ok().map(|uid| Socket { uid, is_established })
    })
}

#[cfg(test)]
mod tests {
    use super::{Socket, has_left, is_ours, socket_in};
    use crate::listen::{Io, Listener};
    use tokio::net::TcpStream;

    #[test]
    fn the_kernel_says_whose_a_socket_is() {
        let table =
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 2 1\n";
        let server = "127.0.0.1:8080".parse().expect("an address");
        let expected = Some(Socket { uid: 1000, is_established: true });
        assert_eq!(socket_in(table, 50_000, server), expected);
        assert_eq!(socket_in(table, 50_001, server), None);
        let closed = table.replace(" 01 ", " 04 ");
        assert_eq!(socket_in(&closed, 50_000, server), Some(Socket { uid: 1000, is_established: false }));
        let mapped = table.replace("0100007F:", "0000000000000000FFFF00000100007F:");
        assert_eq!(socket_in(&mapped, 50_000, server), expected);
    }

    #[tokio::test]
    async fn a_process_of_ours_is_known() {
        let listener = Listener::on_port(0).await.expect("a port");
        let address = listener.address();
        let client = tokio::spawn(async move { TcpStream::connect(address).await });
        let io = listener.accept().await.expect("accepted");
        assert!(is_ours(&io) && !has_left(&io));
        assert!(matches!(io, Io::Tcp(_)));
        drop(client.await.expect("joined").expect("connected"));
        assert!(has_left(&io));
    }
}
