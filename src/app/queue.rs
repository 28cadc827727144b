//! The page's list of what the engine still has to do: one command in flight, the newest edit wins, and a fallen engine gets back
//! the cluster that it had, or a second try of its first one. Pure, so that it is tested without a browser.

use crate::session::{Command, Reply};
use std::collections::VecDeque;

/// Names one command that was sent, so that its reply is known when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Commands that wait, the one in flight, and those that made the cluster what it is.
#[derive(Debug, Default)]
pub struct Queue {
    last: u64,
    waiting: VecDeque<(Ticket, Command)>,
    flight: Option<Flight>,
    /// Answered commands that changed the cluster, from its start on.
    journal: Vec<Command>,
    /// The journal's commands that a new engine has not played yet.
    replay: VecDeque<Command>,
    /// How many of them get replies that nobody sees.
    quiet: usize,
    /// The next command with a text is the second try of a first cluster.
    second: bool,
}

#[derive(Debug)]
enum Flight {
    Sent(Ticket, Command),
    /// A command played again; the flag says whether the page shows the reply, as it does with the journal's last one.
    Replayed {
        shown: bool,
    },
}

impl Flight {
    fn starts_cluster(&self) -> bool {
        matches!(self, Flight::Sent(_, Command::Edit { .. } | Command::Reset { .. }))
    }
}

impl Queue {
    /// Adds a command. An edit or reset takes the place of a waiting one right before it, which then is never answered.
    pub fn push(&mut self, command: Command) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        if self.waiting.back().is_some_and(|(_, before)| outdates(&command, before)) {
            self.waiting.pop_back();
        }
        self.waiting.push_back((ticket, command));
        ticket
    }

    /// The command to hand to the engine now: none while one is in flight.
    pub fn take_next(&mut self) -> Option<Command> {
        if self.flight.is_some() {
            return None;
        }
        if let Some(command) = self.replay.pop_front() {
            let shown = self.replay.is_empty() && self.quiet == 0;
            self.quiet = self.quiet.saturating_sub(1);
            self.flight = Some(Flight::Replayed { shown });
            return Some(command);
        }
        let (ticket, command) = self.waiting.pop_front()?;
        self.flight = Some(Flight::Sent(ticket, command.clone()));
        Some(command)
    }

    /// The command that waits first, unless one is in flight.
    pub fn peek(&self) -> Option<&Command> {
        if self.flight.is_some() { None } else { self.waiting.front().map(|(_, command)| command) }
    }

    /// An engine takes over from what answered until now: it is asked the same `played` commands, of which nobody sees the replies.
    pub fn take_over(&mut self, played: Vec<Command>) {
        self.replay = played.into();
        self.quiet = self.replay.len();
    }

    /// The engine answered. `None` for what the page need not see; no ticket for the cluster of a restarted engine.
    pub fn answered(&mut self, reply: Reply) -> Option<(Option<Ticket>, Reply)> {
        self.second = false;
        match self.flight.take()? {
            Flight::Sent(ticket, command) => {
                self.remember(command);
                Some((Some(ticket), reply))
            }
            Flight::Replayed { shown } => shown.then_some((None, reply)),
        }
    }

    /// Whether the command in flight may take longer than others: a new engine is asked for what an engine has answered before, or
    /// tries a first cluster again, and its first work is its slowest.
    pub fn patient(&self) -> bool {
        self.second || matches!(self.flight, Some(Flight::Replayed { .. }))
    }

    /// The engine was ended as it was too slow. If the page has no cluster yet, the command that starts one is not given up: the next
    /// engine tries it a second time. Says whether it will; otherwise [`Queue::lost`] tells what is lost.
    pub fn try_again(&mut self) -> bool {
        if self.second || !self.journal.is_empty() {
            return false;
        }
        let Some(Flight::Sent(ticket, command)) = self.flight.take_if(|flight| flight.starts_cluster()) else { return false };
        if !self.waiting.front().is_some_and(|(_, next)| outdates(next, &command)) {
            self.waiting.push_front((ticket, command));
        }
        self.second = true;
        true
    }

    /// The engine is gone, and a new one will take over: the command in flight is given up and returned, the journal is played again.
    /// A journal that itself fells the engine is forgotten, so that nothing loops.
    pub fn lost(&mut self) -> Option<(Ticket, Command)> {
        self.quiet = 0;
        self.second = false;
        match self.flight.take() {
            Some(Flight::Replayed { .. }) => {
                self.journal.clear();
                self.replay.clear();
                None
            }
            Some(Flight::Sent(ticket, command)) => {
                self.replay = self.journal.iter().cloned().collect();
                Some((ticket, command))
            }
            None => {
                self.replay = self.journal.iter().cloned().collect();
                None
            }
        }
    }

    fn remember(&mut self, command: Command) {
        match command {
            Command::Reset { .. } => self.journal = vec![command],
            Command::Edit { .. } => {
                if matches!(self.journal.last(), Some(Command::Edit { .. })) {
                    self.journal.pop();
                }
                self.journal.push(command);
            }
            Command::Act { .. } => self.journal.push(command),
            _ => {}
        }
    }
}

/// Whether nobody will miss `before` once `command` is asked for. A reset also sets the settings, so an edit does not outdate it.
fn outdates(command: &Command, before: &Command) -> bool {
    match before {
        Command::Edit { .. } => matches!(command, Command::Edit { .. } | Command::Reset { .. }),
        Command::Reset { .. } => matches!(command, Command::Reset { .. }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(revision: u64) -> Command {
        Command::Edit { revision, files: Vec::new() }
    }

    fn act(event: &str) -> Command {
        Command::Act { event: event.into() }
    }

    fn done() -> Reply {
        Reply::Text { text: String::new(), failed: false }
    }

    /// Hands out and answers everything that is left.
    fn play(queue: &mut Queue) -> Vec<Command> {
        let mut played = Vec::new();
        while let Some(command) = queue.take_next() {
            played.push(command);
            queue.answered(done());
        }
        played
    }

    #[test]
    fn one_command_is_in_flight_at_a_time() {
        let mut queue = Queue::default();
        queue.push(edit(1));
        queue.push(act("coredns down"));
        assert_eq!(queue.take_next(), Some(edit(1)));
        assert_eq!(queue.take_next(), None);
        queue.answered(done());
        assert_eq!(queue.take_next(), Some(act("coredns down")));
    }

    #[test]
    fn the_newest_edit_wins() {
        let mut queue = Queue::default();
        queue.push(edit(1));
        queue.take_next();
        for revision in 2..=5 {
            queue.push(edit(revision));
        }
        queue.answered(done());
        assert_eq!(play(&mut queue), [edit(5)]);
    }

    #[test]
    fn an_action_between_two_edits_keeps_both() {
        let mut queue = Queue::default();
        for command in [edit(1), act("node/node-2 down"), edit(2)] {
            queue.push(command);
        }
        assert_eq!(play(&mut queue), [edit(1), act("node/node-2 down"), edit(2)]);
    }

    #[test]
    fn a_fallen_engine_gets_its_cluster_back_without_the_command_that_felled_it() {
        let mut queue = Queue::default();
        for command in [edit(1), edit(2), act("node/node-2 down")] {
            queue.push(command);
            play(&mut queue);
        }
        let bad = queue.push(edit(3));
        queue.take_next();
        assert_eq!(queue.lost(), Some((bad, edit(3))));
        assert_eq!(queue.take_next(), Some(edit(2)));
        assert_eq!(queue.answered(done()), None);
        assert_eq!(queue.take_next(), Some(act("node/node-2 down")));
        assert_eq!(queue.answered(done()), Some((None, done())));
        assert_eq!(queue.take_next(), None);
    }

    #[test]
    fn a_cluster_that_fells_the_engine_again_is_forgotten() {
        let mut queue = Queue::default();
        queue.push(edit(1));
        play(&mut queue);
        queue.push(act("coredns down"));
        queue.take_next();
        queue.lost();
        queue.take_next();
        assert_eq!(queue.lost(), None);
        assert_eq!(queue.take_next(), None);
    }

    #[test]
    fn a_first_cluster_that_takes_too_long_is_tried_once_more_with_patience() {
        let mut queue = Queue::default();
        let first = queue.push(edit(1));
        let table = queue.push(Command::Kubectl { line: "kubectl get pods".into() });
        queue.take_next();
        assert!(!queue.patient());
        assert!(queue.try_again());
        assert_eq!(queue.take_next(), Some(edit(1)));
        assert!(queue.patient());
        assert_eq!(queue.answered(done()), Some((Some(first), done())));
        assert!(queue.take_next().is_some() && !queue.patient());
        assert_eq!(queue.answered(done()), Some((Some(table), done())));
    }

    #[test]
    fn a_first_cluster_that_takes_too_long_twice_is_given_up() {
        let mut queue = Queue::default();
        let first = queue.push(edit(1));
        queue.take_next();
        assert!(queue.try_again());
        queue.take_next();
        assert!(!queue.try_again());
        assert_eq!(queue.lost(), Some((first, edit(1))));
        assert_eq!(queue.take_next(), None);
    }

    #[test]
    fn a_newer_text_takes_the_second_try() {
        let mut queue = Queue::default();
        queue.push(edit(1));
        queue.take_next();
        queue.push(edit(2));
        assert!(queue.try_again());
        assert_eq!(play(&mut queue), [edit(2)]);
    }

    #[test]
    fn what_hangs_once_there_is_a_cluster_is_not_tried_again() {
        let mut queue = Queue::default();
        queue.push(edit(1));
        play(&mut queue);
        let bad = queue.push(edit(2));
        queue.take_next();
        assert!(!queue.patient() && !queue.try_again());
        assert_eq!(queue.lost(), Some((bad, edit(2))));
        // A new engine gets the old cluster back, in its own time.
        assert_eq!(queue.take_next(), Some(edit(1)));
        assert!(queue.patient());
    }

    #[test]
    fn a_request_that_hangs_without_a_cluster_is_given_up() {
        let mut queue = Queue::default();
        let table = queue.push(Command::Kubectl { line: "kubectl get pods".into() });
        let command = queue.take_next().unwrap();
        assert!(!queue.try_again());
        assert_eq!(queue.lost(), Some((table, command)));
    }
}
