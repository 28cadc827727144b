//! The programs inside the namespaces: an echo server, and a client that connects once.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

/// How long a client waits before it calls a silence a timeout. Refusals arrive within milliseconds.
const PATIENCE: Duration = Duration::from_millis(1200);

/// Serves until killed: each argument is `tcp/ADDRESS:PORT` or `udp/ADDRESS:PORT`. Answers with the peer's address.
pub fn serve(listeners: &[String]) -> ExitCode {
    let mut threads = Vec::new();
    for listener in listeners {
        let Some((protocol, address)) = listener.split_once('/') else { continue };
        let address = address.to_string();
        let udp = protocol == "udp";
        threads.push(std::thread::spawn(move || if udp { serve_udp(&address) } else { serve_tcp(&address) }));
    }
    println!("ready");
    for thread in threads {
        if thread.join().is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn serve_tcp(address: &str) {
    let listener = TcpListener::bind(address).expect("listen");
    for stream in listener.incoming().flatten() {
        answer(stream);
    }
}

fn answer(mut stream: TcpStream) {
    let (Ok(peer), Ok(own)) = (stream.peer_addr(), stream.local_addr()) else { return };
    // The client may be gone already; its silence is its own affair.
    let _ = stream.write_all(format!("{} {} {}\n", own.ip(), own.port(), peer.ip()).as_bytes());
}

fn serve_udp(address: &str) {
    let socket = UdpSocket::bind(address).expect("listen");
    let own = socket.local_addr().expect("own address");
    let mut buffer = [0; 64];
    while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
        let _ = socket.send_to(format!("{} {} {}\n", own.ip(), own.port(), peer.ip()).as_bytes(), peer);
    }
}

/// Connects `count` times: `tcp|udp ADDRESS:PORT COUNT`. Prints a line each: `delivered IP PORT SOURCE`, `refused`,
/// `timeout` or `unreachable`.
pub fn connect(args: &[String]) -> ExitCode {
    let [protocol, address, count] = args else { return ExitCode::FAILURE };
    let (Ok(address), Ok(count)) = (address.parse::<SocketAddr>(), count.parse::<u32>()) else { return ExitCode::FAILURE };
    for _ in 0..count {
        let outcome = if protocol == "udp" { connect_udp(address) } else { connect_tcp(address) };
        match outcome {
            Ok(text) => println!("delivered {}", text.trim()),
            Err(error) => println!("{}", fate(&error)),
        }
    }
    ExitCode::SUCCESS
}

fn connect_tcp(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn connect_udp(address: SocketAddr) -> std::io::Result<String> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send(b"hello")?;
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

fn fate(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    match error.kind() {
        ConnectionRefused => "refused",
        HostUnreachable | NetworkUnreachable => "unreachable",
        _ => "timeout",
    }
}
