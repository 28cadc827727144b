//! The player: one clock that the stage, the timeline and the inspector read. It turns only while something moves.
//!
//! ```text
//! let player = use_player(trace.clone(), Start::Idle);        // or Player::new(changed), player.load(trace, start) without hooks
//! <Stage view={view} trace={trace} player={player.clone()} on_select={…} />
//! <Timeline trace={trace} player={player.clone()} />
//! let hop = scene::steps::hop(&trace, &player.steps()[player.step]);     // what the inspector shows
//! ```

use crate::scene::beats::{Beats, Pace, beats};
use crate::scene::steps::{Step, steps};
use crate::trace::Trace;
use gloo::render::{AnimationFrame, request_animation_frame};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use yew::prelude::*;

/// The speeds on offer.
pub const SPEEDS: [f64; 4] = [0.5, 1.0, 2.0, 4.0];
/// Milliseconds between two idle runs of the same request.
const REST: f64 = 1600.0;

/// How a new trace begins to play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// It plays once.
    #[default]
    Once,
    /// It plays again and again until somebody takes the controls: the traffic of a page that nobody has touched yet.
    Idle,
    /// It stands on its first hop.
    Paused,
}

/// A handle on the clock. Two handles are equal when they show the same step of the same trace in the same way.
#[derive(Clone)]
pub struct Player {
    inner: Rc<Inner>,
    /// The step that is shown.
    pub step: usize,
    /// Whether time passes.
    pub playing: bool,
    /// How many times as fast.
    pub speed: f64,
    run: u64,
}

impl PartialEq for Player {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner) && self.state() == other.state()
    }
}

struct Inner {
    steps: RefCell<Rc<Vec<Step>>>,
    beats: RefCell<Beats>,
    at: Cell<f64>,
    /// The browser's clock when `at` was last set.
    seen: Cell<Option<f64>>,
    playing: Cell<bool>,
    idle: Cell<bool>,
    speed: Cell<f64>,
    run: Cell<u64>,
    frame: RefCell<Option<AnimationFrame>>,
    listeners: RefCell<Vec<(u64, Callback<f64>)>>,
    last_listener: Cell<u64>,
    /// What the handles of the last rendering say.
    shown: Cell<(usize, bool)>,
    render: Callback<()>,
}

/// Ends a subscription when dropped.
pub struct Ticking(Rc<Inner>, u64);

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.listeners.borrow_mut().retain(|(id, _)| *id != self.1);
    }
}

impl Player {
    /// A player without a trace. The callback is told when step, speed or state change; then [`Player::now`] is a fresh handle.
    pub fn new(changed: Callback<()>) -> Player {
        let inner = Inner::new(changed);
        Player { inner, step: 0, playing: false, speed: 1.0, run: 0 }
    }

    /// The same player as it stands now.
    pub fn now(&self) -> Player {
        let inner = self.inner.clone();
        let (step, playing, speed, run) = (inner.step(), inner.playing.get(), inner.speed.get(), inner.run.get());
        Player { inner, step, playing, speed, run }
    }

    /// Takes another trace and begins with its first hop.
    pub fn load(&self, trace: Option<&Trace>, start: Start) {
        self.inner.load(trace, start);
    }

    /// Stands still for good: nobody looks any more.
    pub fn stop(&self) {
        self.inner.playing.set(false);
        *self.inner.frame.borrow_mut() = None;
    }

    /// Milliseconds into the trace.
    pub fn at(&self) -> f64 {
        self.inner.at.get()
    }

    /// The trace's steps.
    pub fn steps(&self) -> Rc<Vec<Step>> {
        self.inner.steps.borrow().clone()
    }

    /// When each of them plays.
    pub fn beats(&self) -> Beats {
        self.inner.beats.borrow().clone()
    }

    /// Whether the last step is shown.
    pub fn finished(&self) -> bool {
        self.step + 1 >= self.inner.beats.borrow().len()
    }

    /// Whether a trace was shown before what is shown now: the first of all comes by itself.
    pub fn has_played(&self) -> bool {
        self.run > 1
    }

    /// Plays, or pauses; at the end, it begins anew.
    pub fn toggle(&self) {
        self.inner.idle.set(false);
        if self.inner.playing.get() {
            return self.pause();
        }
        if self.inner.at.get() >= self.inner.beats.borrow().end() {
            self.inner.at.set(0.0);
        }
        self.inner.play();
    }

    /// Stands still.
    pub fn pause(&self) {
        self.inner.idle.set(false);
        self.inner.playing.set(false);
        self.inner.tell();
    }

    /// Plays from the first hop.
    pub fn replay(&self) {
        self.inner.idle.set(false);
        self.inner.at.set(0.0);
        self.inner.play();
    }

    /// Shows a step, arrived and at rest.
    pub fn show(&self, step: usize) {
        let arrives = self.inner.beats.borrow().get(step).map_or(0.0, |beat| beat.arrives);
        self.inner.at.set(arrives + 0.001);
        self.pause();
    }

    /// Goes to a neighbouring step: forward the packet travels, back it cuts.
    pub fn step_by(&self, by: isize) {
        let (step, last) = (self.inner.step(), self.inner.beats.borrow().len().saturating_sub(1));
        let next = step.saturating_add_signed(by).min(last);
        if by == 1 && next > step {
            let beat = self.inner.beats.borrow().get(next);
            self.inner.idle.set(false);
            self.inner.at.set(beat.map_or(0.0, |beat| beat.leaves));
            return self.inner.play_to(beat.map_or(0.0, |beat| beat.arrives));
        }
        self.show(next);
    }

    /// Goes to the first step of the machine before or after.
    pub fn machine_by(&self, by: isize) {
        let steps = self.steps();
        let starts: Vec<usize> =
            (0..steps.len()).filter(|index| *index == 0 || steps[*index].machine != steps[*index - 1].machine).collect();
        let here = starts.partition_point(|start| *start <= self.inner.step()).saturating_sub(1);
        let next = here.saturating_add_signed(by).min(starts.len().saturating_sub(1));
        self.show(starts.get(next).copied().unwrap_or_default());
    }

    /// Moves time itself, in milliseconds from the first hop on.
    pub fn seek(&self, at: f64) {
        self.inner.at.set(at.clamp(0.0, self.inner.beats.borrow().end()));
        self.pause();
    }

    /// Plays that many times as fast.
    pub fn set_speed(&self, speed: f64) {
        self.inner.speed.set(speed);
        self.inner.render();
    }

    /// The next speed on offer, round and round.
    pub fn next_speed(&self) {
        let here = SPEEDS.iter().position(|speed| *speed == self.speed).unwrap_or(1);
        self.set_speed(SPEEDS[(here + 1) % SPEEDS.len()]);
    }

    /// Calls back on every frame while time passes, and when it is moved.
    pub fn on_tick(&self, tick: Callback<f64>) -> Ticking {
        let id = self.inner.last_listener.get() + 1;
        self.inner.last_listener.set(id);
        self.inner.listeners.borrow_mut().push((id, tick));
        Ticking(self.inner.clone(), id)
    }

    fn state(&self) -> (usize, bool, u64, u64) {
        (self.step, self.playing, self.speed.to_bits(), self.run)
    }
}

impl Inner {
    fn new(render: Callback<()>) -> Rc<Inner> {
        Rc::new(Inner {
            steps: RefCell::default(),
            beats: RefCell::default(),
            at: Cell::new(0.0),
            seen: Cell::new(None),
            playing: Cell::new(false),
            idle: Cell::new(false),
            speed: Cell::new(1.0),
            run: Cell::new(0),
            frame: RefCell::default(),
            listeners: RefCell::default(),
            last_listener: Cell::new(0),
            shown: Cell::new((0, false)),
            render,
        })
    }

    fn step(&self) -> usize {
        self.beats.borrow().step(self.at.get())
    }

    fn load(self: &Rc<Self>, trace: Option<&Trace>, start: Start) {
        let steps = trace.map(steps).unwrap_or_default();
        let pace = if still() { Pace::Still } else { Pace::Moving };
        *self.beats.borrow_mut() = beats(&steps, pace);
        *self.steps.borrow_mut() = Rc::new(steps);
        self.at.set(0.0);
        self.run.set(self.run.get() + 1);
        // A person who asks for less motion starts it by hand.
        let plays = trace.is_some() && start != Start::Paused && pace == Pace::Moving;
        self.idle.set(plays && start == Start::Idle);
        self.playing.set(false);
        if plays {
            self.play();
        }
        self.render();
    }

    fn play(self: &Rc<Self>) {
        self.play_to(f64::INFINITY);
    }

    fn play_to(self: &Rc<Self>, until: f64) {
        self.playing.set(true);
        self.seen.set(None);
        self.turn(until);
        self.tell();
    }

    fn turn(self: &Rc<Self>, until: f64) {
        let inner = self.clone();
        let frame = request_animation_frame(move |now| inner.pass(now, until));
        *self.frame.borrow_mut() = Some(frame);
    }

    fn pass(self: &Rc<Self>, now: f64, until: f64) {
        if !self.playing.get() {
            return;
        }
        // A tab that was hidden goes on where it was.
        let passed = self.seen.replace(Some(now)).map_or(0.0, |seen| (now - seen).clamp(0.0, 100.0));
        let at = self.at.get() + passed * self.speed.get();
        let end = self.beats.borrow().end();
        if at >= until {
            self.at.set(until + 0.001);
            self.playing.set(false);
        } else if at >= end && !self.idle.get() {
            self.at.set(end);
            self.playing.set(false);
        } else {
            self.at.set(if at >= end + REST { 0.0 } else { at });
            self.turn(until);
        }
        self.tell();
    }

    fn tell(&self) {
        let listeners: Vec<_> = self.listeners.borrow().iter().map(|(_, callback)| callback.clone()).collect();
        for listener in listeners {
            listener.emit(self.at.get());
        }
        if self.shown.get() != (self.step(), self.playing.get()) {
            self.render();
        }
    }

    fn render(&self) {
        self.shown.set((self.step(), self.playing.get()));
        self.render.emit(());
    }
}

/// Whether the person asks for less motion.
pub fn still() -> bool {
    let query = gloo::utils::window().match_media("(prefers-reduced-motion: reduce)");
    query.ok().flatten().is_some_and(|query| query.matches())
}

/// A player for this trace. A new trace starts from its first hop; the component is rendered again when step, speed or state change.
#[hook]
pub fn use_player(trace: Option<Rc<Trace>>, start: Start) -> Player {
    let update = use_force_update();
    let player = use_mut_ref(|| Player::new(Callback::from(move |()| update.force_update()))).borrow().now();
    {
        let player = player.clone();
        let identity = trace.as_ref().map(Rc::as_ptr);
        use_effect_with((identity, start), move |_| player.load(trace.as_deref(), start));
    }
    {
        let player = player.clone();
        use_effect_with((), move |()| move || player.stop());
    }
    player
}
