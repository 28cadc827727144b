//! What answers at the end of the way: processes in Pods, the Ingress controller, servers outside.

use super::*;
use crate::msg;

#[test]
fn a_wrong_target_port_is_refused_by_the_pod() {
    let mut fixture = Fixture::web(&[2], NODE_PORT);
    fixture.pod("web-0", 2, 20, "web", "80");
    let trace = fixture.trace("internet", "http://10.0.0.12:30080");
    assert_eq!((trace.verdict, trace.hops.last().unwrap().reason), (Verdict::Refused, Reason::NothingListens));
}

#[test]
fn a_program_on_localhost_refuses_everybody_else() {
    let mut fixture = Fixture::web(&[2], NODE_PORT);
    fixture.pod("web-0", 2, 20, "web", "127.0.0.1:8080");
    assert_eq!(fixture.trace("internet", "http://10.0.0.12:30080").verdict, Verdict::Refused);
    assert_eq!(fixture.trace("pod/web-0", "http://127.0.0.1:8080").verdict, Verdict::Delivered);
}

#[test]
fn https_to_a_process_that_terminates_no_tls_is_never_answered() {
    let fixture = Fixture::web(&[2], NODE_PORT);
    let trace = fixture.trace("internet", "https://10.0.0.12:30080");
    assert_eq!((trace.verdict, trace.status), (Verdict::Delivered, None));
    assert_eq!(trace.assumptions.iter().filter(|it| it.id == "assume.noTls").count(), 1);
    assert_eq!(last_text(&trace), "hop.Reply.text.noTls", "what comes back is no answer");
    let mut tls = Fixture::web(&[2], NODE_PORT);
    tls.pod("secure", 2, 40, "web", "8443");
    assert_eq!(tls.trace("pod/client", "https://10.244.2.40:8443").status, Some(200));
}

#[test]
fn a_udp_port_where_nothing_listens_is_answered_with_icmp() {
    let mut fixture = Fixture::new();
    fixture.pod("tcp", 2, 20, "web", "53");
    let trace = fixture.trace("pod/client", "udp://10.244.2.20:53");
    assert_eq!((trace.verdict, last_text(&trace)), (Verdict::Refused, "hop.NothingListens.text.udp"));
    let args = &trace.hops.last().unwrap().text.args;
    assert_eq!((args["port"].as_str(), args["ports"].as_str()), ("53/UDP", "53/TCP"));
    assert_eq!(trace.advice.as_ref().unwrap().next.id, "advice.podPort.next");
    assert_eq!(last_text(&fixture.trace("pod/client", "udp://10.0.0.12:53")), "hop.NothingListens.text.udp.node");
    assert_eq!(last_text(&fixture.trace("pod/tcp", "udp://10.244.1.9:53")), "hop.NothingListens.text.udp.none");
}

#[test]
fn an_argument_changes_a_programs_port_and_not_its_protocol() {
    let mut fixture = Fixture::new();
    fixture.pod("redis", 2, 20, "redis", "7000");
    fixture.pod("echo", 2, 21, "hashicorp/http-echo", "6379");
    assert_eq!(fixture.trace("pod/client", "http://10.244.2.20:7000").status, None);
    assert_eq!(fixture.trace("pod/client", "http://10.244.2.21:6379").status, Some(200));
}

#[test]
fn a_tcp_connection_to_the_ingress_controller_carries_no_request() {
    let mut fixture = Fixture::new();
    fixture.pod("controller", 2, 20, "kubehop.dev/ingress-controller", "80");
    let mut pod = fixture.cluster.store.get::<Pod>("default", "controller").unwrap().clone();
    pod.metadata.namespace = crate::settings::INGRESS_NAMESPACE.into();
    fixture.cluster.store.put(pod);
    let trace = fixture.trace("pod/client", "tcp://10.244.2.20:80");
    assert_eq!((trace.verdict, trace.status), (Verdict::Delivered, None));
    assert!(trace.pod.is_some() && trace.hops.iter().all(|hop| hop.reason != Reason::ReadHttp));
    let http = fixture.trace("pod/client", "http://10.244.2.20:80");
    assert!(http.hops.iter().any(|hop| hop.reason == Reason::ReadHttp));
}

#[test]
fn what_leaves_the_cluster_carries_the_gateways_address_and_a_server_outside_answers() {
    let fixture = Fixture::web(&[2], NODE_PORT);
    let trace = fixture.trace("pod/client", "http://8.8.8.8");
    assert_eq!((trace.verdict, trace.status, trace.pod.as_ref()), (Verdict::Delivered, Some(200), None));
    assert!(trace.assumptions.iter().any(|it| it.id == "assume.outsideServer"));
    let server = trace.hops.iter().find(|hop| hop.reason == Reason::ProcessAnswers).unwrap();
    assert_eq!(server.before.unwrap().src.ip, EGRESS_GATEWAY);
    assert_eq!(trace.hops.last().unwrap().reason, Reason::Reply);
    consistent(&trace);
    let private = fixture.trace("pod/client", "http://192.168.7.7");
    assert_eq!((private.verdict, last_text(&private)), (Verdict::Timeout, "hop.NoRoute.text.privateNetwork"));
    assert_eq!(private.advice.unwrap().next.id, "advice.privateNetwork.next");
    assert!(private.assumptions.iter().any(|it| it.id == "assume.privateAddress"));
}

#[test]
fn a_variable_that_names_no_service_makes_no_call_and_says_so() {
    let traced = |env: &str| {
        let mut fixture = Fixture::web(&[2], NODE_PORT);
        let mut pod = fixture.cluster.store.get::<Pod>("default", "web-0").unwrap().clone();
        pod.spec.containers[0].env = yaml(env);
        fixture.cluster.store.put(pod);
        fixture.trace("pod/client", "http://10.96.0.50")
    };
    let trace = traced("[{name: AUDIT_HOST, value: audit}, {name: AUDIT_PORT, value: '6000'}, {name: LOG_FORMAT, value: json}]");
    assert!(trace.calls.is_empty());
    let said = msg!("assume.noCall", variable = "AUDIT_HOST", target = "audit:6000", host = "audit", pod = "web-0");
    assert_eq!(trace.assumptions.iter().filter(|it| **it == said).count(), 1);
    assert_eq!(trace.assumptions.iter().filter(|it| it.id == "assume.noCall").count(), 1);
    let of_protocol = traced("[{name: REDIS_HOST, value: redis}]");
    assert_eq!(of_protocol.failed_call().map(|call| call.verdict), Some(Verdict::NameNotFound));
    assert!(of_protocol.assumptions.iter().all(|it| it.id != "assume.noCall"));
}
