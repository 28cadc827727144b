//! The arguments, as `kubehop help` shows them.

use crate::packet::Protocol;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Play Kubernetes Services: manifests in, true requests through them, every decision explained.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Language of explanations; Kubernetes' own messages stay as they are.
    #[arg(long, global = true, default_value = "en")]
    pub lang: Lang,
}

/// Languages of explanations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English
    En,
    /// 한국어
    Ko,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Admit the manifests; print diagnostics.
    Check(CheckArgs),
    /// Print objects as kubectl does.
    Get(GetArgs),
    /// Print one object at length.
    Describe(DescribeArgs),
    /// Send requests and tell what happened, hop by hop.
    Trace(TraceArgs),
    /// Why a request fails, or why a Pod, Service or workload gets no traffic: ordered checks, up to the first that fails.
    Explain(ExplainArgs),
    /// Print a node's rules, as kube-proxy writes them.
    Rules(RulesArgs),
    /// Look up a name as a Pod does.
    Dig(DigArgs),
    /// Grade answers to a lesson.
    Grade(GradeArgs),
    /// Look after lessons.
    Lessons(LessonsArgs),
}

/// The cluster: manifests, settings, events.
#[derive(Debug, Default, Args)]
pub struct ClusterArgs {
    /// Manifests: files, folders, or - for standard input.
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true, num_args = 1..)]
    pub files: Vec<PathBuf>,
    /// Settings of the cluster, a YAML map.
    #[arg(long, value_name = "FILE")]
    pub cluster: Option<PathBuf>,
    /// An event, in order: 'wait 60s', 'node/node-2 down', 'pod/default/web-x delete'.
    #[arg(long = "event", value_name = "EVENT")]
    pub events: Vec<String>,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct CheckArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// text or json
    #[arg(short = 'o', long, default_value = "text")]
    pub output: TextOrJson,
}

/// Two forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum TextOrJson {
    Text,
    Json,
}

/// Arguments of `get`.
#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct GetArgs {
    /// pods, svc,ep, deployment/web, all
    #[arg(required = true, value_name = "RESOURCE[/NAME]")]
    pub words: Vec<String>,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Namespace; default is "default".
    #[arg(short = 'n', long)]
    pub namespace: Option<String>,
    /// All namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Label selector: app=web
    #[arg(short = 'l', long, default_value = "", hide_default_value = true)]
    pub selector: String,
    /// wide, yaml, json or name
    #[arg(short = 'o', long)]
    pub output: Option<String>,
    /// Print labels, too.
    #[arg(long)]
    pub show_labels: bool,
}

/// Arguments of `describe`.
#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct DescribeArgs {
    /// Its type: svc, pod, deployment …
    pub resource: String,
    /// Its name.
    pub name: String,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Namespace.
    #[arg(short = 'n', long, default_value = "default")]
    pub namespace: String,
}

/// Transport protocols of `--proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum Proto {
    Tcp,
    Udp,
    Sctp,
    /// A ping.
    Icmp,
}

impl Proto {
    /// The protocol of `--proto`; TCP without it.
    pub fn of(given: Option<Proto>) -> Protocol {
        match given {
            Some(Proto::Udp) => Protocol::Udp,
            Some(Proto::Sctp) => Protocol::Sctp,
            Some(Proto::Icmp) => Protocol::Icmp,
            Some(Proto::Tcp) | None => Protocol::Tcp,
        }
    }
}

/// Modes of kube-proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum ModeArg {
    Iptables,
    Nftables,
}

/// A request, as `trace` sends and `explain` judges it.
#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct CallArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// internet, node/NAME, pod/NAME, pod/NS/NAME, deployment/NAME …
    #[arg(long, default_value = "internet", value_name = "WHO")]
    pub from: String,
    /// Transport, when the target does not say.
    #[arg(long)]
    pub proto: Option<Proto>,
    /// At which node traffic from outside enters.
    #[arg(long, value_name = "NODE")]
    pub via: Option<String>,
    /// Which rules kube-proxy writes.
    #[arg(long)]
    pub mode: Option<ModeArg>,
    /// Start of the random choices; each further connection takes the next.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// text or json
    #[arg(short = 'o', long, default_value = "text")]
    pub output: TextOrJson,
}

/// Arguments of `trace`.
#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct TraceArgs {
    /// HOST:PORT, or a URL with http, https, tcp or udp; icmp://HOST is a ping.
    pub target: String,
    #[command(flatten)]
    pub call: CallArgs,
    /// HTTP method.
    #[arg(short = 'X', long = "request", default_value = "GET", value_name = "METHOD")]
    pub method: String,
    /// HTTP header; repeatable.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// So many connections in a row.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub count: u32,
    /// Instead of the trace: how many rules it looks at in each mode as Services grow.
    #[arg(long)]
    pub modes: bool,
    /// All requests go over one connection, opened before the events.
    #[arg(long)]
    pub keep_alive: bool,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct ExplainArgs {
    /// HOST:PORT, a URL, or what gets no traffic: pod/NAME, service/NAME, ingress/NAME, deployment/NAME (NS/NAME of another namespace).
    pub target: String,
    #[command(flatten)]
    pub call: CallArgs,
}

/// Arguments of `rules`.
#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct RulesArgs {
    /// Whose rules.
    #[arg(long)]
    pub node: String,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Which rules kube-proxy writes.
    #[arg(long)]
    pub mode: Option<ModeArg>,
}

/// Arguments of `dig`.
#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct DigArgs {
    /// The name.
    pub name: String,
    /// A, AAAA, SRV, CNAME, PTR, TXT …
    #[arg(default_value = "A")]
    pub kind: String,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Who asks: pod/NS/NAME.
    #[arg(long, value_name = "WHO")]
    pub from: Option<String>,
    /// text or json
    #[arg(short = 'o', long, default_value = "text")]
    pub output: TextOrJson,
}

/// Forms of `grade`'s output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum GradeForm {
    Text,
    Json,
    Csv,
    Junit,
}

/// Arguments of `grade`.
#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct GradeArgs {
    /// The lesson's folder, or its name below lessons/.
    pub lesson: PathBuf,
    /// Answers: a file each, or a folder of one learner's files.
    #[arg(required = true)]
    pub answers: Vec<PathBuf>,
    /// text, json, csv or junit
    #[arg(short = 'o', long, default_value = "text")]
    pub output: GradeForm,
}

/// Arguments of `lessons`.
#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct LessonsArgs {
    #[command(subcommand)]
    pub command: LessonsCommand,
}

/// Commands about lessons.
#[derive(Debug, Subcommand)]
pub enum LessonsCommand {
    /// Every solution passes, every start fails, every language is complete.
    Check {
        /// Folder of lessons.
        #[arg(default_value = "lessons")]
        dir: PathBuf,
    },
}
