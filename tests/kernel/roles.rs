//! The programs inside the namespaces: an echo server, a client that connects, and one that keeps its connections.

use socket2::{Domain, Socket, Type};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

/// How long a client waits before it calls a silence a timeout. Refusals arrive within milliseconds; that nobody has an address
/// is known after three seconds, and told one client a second: the next hears it when it has asked again, after three seconds more.
const PATIENCE: Duration = Duration::from_millis(1200);
const LONG_PATIENCE: Duration = Duration::from_millis(9000);

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
        std::thread::spawn(move || answer(stream));
    }
}

/// A line at once, and one for each that comes. The client may be gone already; its silence is its own affair.
fn answer(mut stream: TcpStream) {
    let (Ok(peer), Ok(own), Ok(reader)) = (stream.peer_addr(), stream.local_addr(), stream.try_clone()) else { return };
    let line = format!("{} {} {}\n", own.ip(), own.port(), peer.ip());
    let _ = stream.write_all(line.as_bytes());
    for _ in BufReader::new(reader).lines().map_while(Result::ok) {
        let _ = stream.write_all(line.as_bytes());
    }
}

fn serve_udp(address: &str) {
    let socket = UdpSocket::bind(address).expect("listen");
    let own = socket.local_addr().expect("own address");
    let mut buffer = [0; 64];
    while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
        let _ = socket.send_to(format!("{} {} {}\n", own.ip(), own.port(), peer.ip()).as_bytes(), peer);
    }
}

/// Connects `count` times: `tcp|udp|icmp ADDRESS:PORT COUNT`, the first alone and the others at once. Prints a line each:
/// `delivered IP PORT SOURCE`, `refused`, `timeout` or `unreachable`.
pub fn connect(args: &[String]) -> ExitCode {
    let Some((protocol, address, count)) = read(args) else { return ExitCode::FAILURE };
    let patience = if args.get(3).is_some_and(|word| word == "long") { LONG_PATIENCE } else { PATIENCE };
    let once = move || {
        let (line, _) = match protocol {
            Transport::Icmp => (ping(address, patience), None),
            _ => open(protocol, address, patience),
        };
        line
    };
    println!("{}", once());
    let others: Vec<_> = (1..count).map(|_| std::thread::spawn(once)).collect();
    for other in others {
        let Ok(line) = other.join() else { return ExitCode::FAILURE };
        println!("{line}");
    }
    ExitCode::SUCCESS
}

/// Opens `count` connections, prints a line each, waits for a line of input, and speaks over each again. A connection that the
/// other side closed is opened anew, as any client with keep-alive does.
pub fn hold(args: &[String]) -> ExitCode {
    let Some((protocol, address, count)) = read(args) else { return ExitCode::FAILURE };
    let mut held = Vec::new();
    for _ in 0..count {
        let (line, wire) = open(protocol, address, PATIENCE);
        println!("{line}");
        held.extend(wire);
    }
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).is_err() {
        return ExitCode::FAILURE;
    }
    let again = held.into_iter().map(|wire| std::thread::spawn(move || speak_again(wire, protocol, address)));
    for thread in again.collect::<Vec<_>>() {
        let Ok(line) = thread.join() else { return ExitCode::FAILURE };
        println!("{line}");
    }
    ExitCode::SUCCESS
}

fn speak_again(wire: Wire, protocol: Transport, address: SocketAddr) -> String {
    match wire.ask(LONG_PATIENCE) {
        Ok(text) if text.is_empty() => open(protocol, address, PATIENCE).0,
        Ok(text) => format!("delivered {}", text.trim()),
        Err(error) => fate(&error).to_string(),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Transport {
    Tcp,
    Udp,
    Icmp,
}

fn read(args: &[String]) -> Option<(Transport, SocketAddr, u32)> {
    let protocol = match args.first()?.as_str() {
        "udp" => Transport::Udp,
        "icmp" => Transport::Icmp,
        _ => Transport::Tcp,
    };
    let address = if protocol == Transport::Icmp { format!("{}:0", args.get(1)?) } else { args.get(1)?.clone() };
    Some((protocol, address.parse().ok()?, args.get(2)?.parse().ok()?))
}

/// Makes this namespace's kernel forget all connections, as kube-proxy makes it forget those of endpoints that are gone: netlink's
/// `IPCTNL_MSG_CT_DELETE` without a tuple.
pub fn forget() -> ExitCode {
    const NETLINK: i32 = 16;
    const NETFILTER: i32 = 12;
    let mut message = 20u32.to_ne_bytes().to_vec();
    // Type: subsystem conntrack, message delete. Flags: request, acknowledge.
    message.extend([0x0102u16.to_ne_bytes(), 5u16.to_ne_bytes()].concat());
    message.extend([0; 12]);
    let asked = Socket::new(Domain::from(NETLINK), Type::RAW, Some(socket2::Protocol::from(NETFILTER))).and_then(|mut socket| {
        socket.write_all(&message)?;
        let mut answer = [0; 64];
        let length = socket.read(&mut answer)?;
        Ok(if length < 20 { -1 } else { i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]) })
    });
    if matches!(asked, Ok(0)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// An open connection, or a UDP socket.
enum Wire {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl Wire {
    /// Sends a line and reads one; an empty one means that the other side closed.
    fn ask(&self, patience: Duration) -> std::io::Result<String> {
        match self {
            Wire::Tcp(stream) => {
                let mut stream: &TcpStream = stream;
                stream.write_all(b"hello\n")?;
                hear(stream, patience)
            }
            Wire::Udp(socket) => {
                socket.set_read_timeout(Some(patience))?;
                socket.send(b"hello")?;
                let mut buffer = [0; 64];
                let length = socket.recv(&mut buffer)?;
                Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
            }
        }
    }
}

fn hear(stream: &TcpStream, patience: Duration) -> std::io::Result<String> {
    stream.set_read_timeout(Some(patience))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}

/// Opens a connection: its fate as a line, and the connection where there is one.
fn open(protocol: Transport, address: SocketAddr, patience: Duration) -> (String, Option<Wire>) {
    let opened = if protocol == Transport::Udp { open_udp(address, patience) } else { open_tcp(address, patience) };
    match opened {
        Ok((text, wire)) => (format!("delivered {}", text.trim()), Some(wire)),
        Err(error) => (fate(&error).to_string(), None),
    }
}

fn open_tcp(address: SocketAddr, patience: Duration) -> std::io::Result<(String, Wire)> {
    let stream = TcpStream::connect_timeout(&address, patience)?;
    Ok((hear(&stream, patience)?, Wire::Tcp(stream)))
}

fn open_udp(address: SocketAddr, patience: Duration) -> std::io::Result<(String, Wire)> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(address)?;
    let wire = Wire::Udp(socket);
    Ok((wire.ask(patience)?, wire))
}

/// One ICMP echo; `delivered` with the address that answered.
fn ping(address: SocketAddr, patience: Duration) -> String {
    match echo(address, patience) {
        Ok(()) => format!("delivered {} 0 -", address.ip()),
        Err(error) => fate(&error).to_string(),
    }
}

fn echo(address: SocketAddr, patience: Duration) -> std::io::Result<()> {
    let mut socket = Socket::new(Domain::IPV4, Type::RAW, Some(socket2::Protocol::ICMPV4))?;
    socket.set_read_timeout(Some(patience))?;
    socket.connect(&address.into())?;
    // Echo request, code 0, its checksum, identifier and sequence number 1.
    match socket.write_all(&[8, 0, 0xf7, 0xfd, 0, 1, 0, 1]) {
        // A node's own packet that its rules refuse: the sender hears of it twice, here and as an ICMP error.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
        sent => sent?,
    }
    let mut buffer = [0; 128];
    loop {
        let length = socket.read(&mut buffer)?;
        let header = usize::from(buffer[0] & 0x0f) * 4;
        if length > header && buffer[header] == 0 {
            return Ok(());
        }
    }
}

fn fate(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    match error.kind() {
        ConnectionRefused => "refused",
        HostUnreachable | NetworkUnreachable => "unreachable",
        _ => "timeout",
    }
}
