//! What happens on the page, and what the root then has to do.

use super::dialogs::Open;
use super::examples::Example;
use super::i18n::{Language, Speech};
use super::share::{Begun, Saved};
use super::state::{Dock, Screen, Tab, Theme, View};
use crate::diagnostic::{Fix, Span};
use crate::kubectl::SourceFile;
use crate::scene::ItemId;
use crate::session::{Asked, Command, Reply};
use crate::settings::Settings;
use crate::trace::{Request, Source};

/// Why a reply is awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Ask {
    Cluster,
    /// A step on the way to an older state: not shown.
    Passing,
    /// An older state: how the cluster once got there is not played again.
    Past,
    Send,
    Burst,
    /// A table: its answer counts while this tab is open.
    Dock(Dock),
    /// A paste, and where it goes: selection in UTF-16 units.
    Paste(u32, u32),
    /// A lesson's files, to be read.
    Lesson(&'static str),
    /// The goals of the open lesson.
    Grade,
    /// Why a request fails, or a Pod gets no traffic.
    Explain,
    /// How many rules the request looks at, one number.
    Growth,
    /// Where the fields of the Objects view stand.
    Lines,
    /// What the chosen caller may call.
    Offers,
    /// More about the chosen thing.
    Card,
}

/// What the root has to do.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Effect {
    Ask(Ask, Command),
    /// The text changed by typing: ask for the cluster when the typing rests.
    EditSoon,
    FetchWords(Language),
    FetchExample(Example),
    /// Puts a text into a file of the editor in place of a stretch (UTF-16 units), so that undo takes it back.
    Splice {
        file: usize,
        start: u32,
        end: u32,
        text: String,
    },
    /// Selects a line of the open file and shows it.
    ShowLine(u32),
    /// Keeps the draft, the choices.
    Save,
    /// Keeps the own text apart, as another takes its place.
    KeepOwn(Box<Saved>),
    /// Keeps how far the learner has come in a lesson.
    KeepLesson(&'static str, Box<Begun>),
    /// The three files of a lesson, and how far the learner has come in it, unless that is to be forgotten.
    FetchLesson {
        id: &'static str,
        anew: bool,
    },
}

/// What happens on the page.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Msg {
    Words(Speech),
    Language(Language),
    Theme(Theme),
    Show(Screen),
    Tab(Tab),
    // The text.
    Typed {
        file: usize,
        text: String,
    },
    EditNow,
    OpenFile(usize),
    AddFile,
    CloseFile(usize),
    Dropped(Vec<SourceFile>),
    Pasted {
        start: u32,
        end: u32,
        text: String,
    },
    Insert(&'static str),
    Fix(Fix),
    FixAndSend(Fix),
    Reset,
    Example(Example),
    ExampleText(Example, String),
    Load(Box<Saved>),
    Line(Span),
    // A lesson.
    OpenLesson(&'static str),
    /// Begins the lesson again, as if for the first time.
    LessonAnew(&'static str),
    LessonText(&'static str, Box<[String; 3]>, Option<Box<Begun>>),
    Guess(usize),
    Confirm,
    Hint,
    // The cluster.
    Act(String),
    /// To the end of the change that plays.
    Skip,
    Rewind(usize),
    /// Once the cluster has followed what comes next, the same request goes out again.
    Again,
    Settings(Box<Settings>),
    // The request.
    From(Source),
    Target(String),
    /// The list of targets opens.
    Offers,
    Offer(String, Option<String>),
    Method(String),
    KeepAlive,
    Send,
    Replay,
    Burst,
    // The engine.
    Ready,
    Replied(Ask, Reply),
    Restored(Reply),
    Fault(String),
    DismissFault,
    DismissStray,
    // Looking at it.
    View(View),
    Open(Open),
    Letters,
    Explain(Asked),
    Growth(Box<Request>),
    Select(Option<ItemId>),
    Dock(Dock),
    RulesOf(String),
    /// Whose objects the tables list; empty: all.
    Namespace(String),
    DismissNote,
}

impl Msg {
    /// Whether it shows what the opening page does not: those words come with the engine's (`static/build/after.js`).
    pub fn opens(&self) -> bool {
        matches!(self, Msg::Show(_) | Msg::OpenLesson(_) | Msg::View(_) | Msg::Open(_) | Msg::Select(_))
    }
}
