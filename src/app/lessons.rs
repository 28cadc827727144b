//! Lessons: a story, a guess before the first run, goals that tick while the learner edits, hints one after another.

use super::i18n::{Speech, use_speech};
use super::icon::icon;
use super::root::Part;
use super::state::{Course, LESSONS, Msg, Screen, State};
use crate::lesson::{GoalResult, PredictionOption, Texts};
use crate::msg;
use yew::prelude::*;

/// The text of the page's language, else the English one.
pub fn text(speech: &Speech, texts: &Texts) -> String {
    texts.get(speech.language.code()).or_else(|| texts.get("en")).cloned().unwrap_or_default()
}

/// A text with `code` and **strong** only.
pub fn set(text: &str) -> Html {
    text.split("**")
        .enumerate()
        .map(|(index, part)| {
            let inner = super::i18n::marked(part);
            if index % 2 == 1 {
                html! { <b>{ inner }</b> }
            } else {
                inner
            }
        })
        .collect()
}

/// The list of lessons.
#[component]
pub fn LessonList(part: &Part) -> Html {
    let speech = use_speech();
    html! {
        <main class="lessonlist">
            <h1>{ speech.t("lessons.title") }</h1><p>{ speech.t("lessons.text") }</p>
            <ol>{ for LESSONS.iter().enumerate().map(|(index, id)| html! {
                <li><button type="button" onclick={part.send.reform(move |_: MouseEvent| Msg::OpenLesson(id))}>
                    <span class="rung">{ index + 1 }</span>
                    <span><b>{ speech.t(&format!("lesson.{id}.title")) }</b><small>{ speech.t(&format!("lesson.{id}.text")) }</small></span>
                </button></li>
            }) }</ol>
        </main>
    }
}

/// The open lesson's column.
#[component]
pub fn LessonColumn(part: &Part) -> Html {
    let state = &part.state;
    let Some(course) = &state.lesson else { return Html::default() };
    let speech = &state.speech;
    let id = course.id;
    let number = LESSONS.iter().position(|id| *id == course.id).unwrap_or_default();
    let done = judged(course).iter().filter(|result| result.passed).count();
    let goals = course.lesson.goals.len();
    let next = (done == goals && goals > 0).then(|| LESSONS.get(number + 1)).flatten();
    html! {
        <section class="panel lesson" aria-label={speech.t("lesson.label")} data-panel="lesson">
            <article>
                <div class="row between"><span class="eyebrow">{ state.say(&msg!("lesson.number", number = number + 1, count = LESSONS.len())) }</span>
                    <button type="button" class="btn sm" onclick={part.send.reform(|_: MouseEvent| Msg::Show(Screen::Lessons))}>{ speech.t("lesson.all") }</button></div>
                <h1>{ text(speech, &course.lesson.title) }</h1>
                { for text(speech, &course.lesson.story).split("\n\n").map(|paragraph| html! { <p>{ set(paragraph.trim()) }</p> }) }
            </article>
            <Prediction ..part.clone()/>
            <div class="goals">
                <div class="row between"><h2>{ speech.t("lesson.goals") }</h2><span class="muted">{ state.say(&msg!("lesson.goals.done", done = done, count = goals)) }</span></div>
                <ul>{ for course.lesson.goals.iter().enumerate().map(|(index, goal)| goal_row(state, course, index, &text(speech, &goal.text))) }</ul>
                <p class="sr" role="status">{ state.say(&msg!("lesson.goals.done", done = done, count = goals)) }</p>
                if done == goals && goals > 0 {
                    <div class="reached"><b>{ icon("i-check", 16) }{ speech.t("lesson.reached") }</b>
                        if let Some(next) = next { <button type="button" class="btn fix" onclick={part.send.reform(|_: MouseEvent| Msg::OpenLesson(next))}>{ speech.t("lesson.next") }</button> }
                    </div>
                }
            </div>
            <Hints ..part.clone()/>
            if state.edited || course.guess.is_some() || course.hints > 0 {
                <div class="row anew"><button type="button" class="btn line sm" onclick={part.send.reform(move |_: MouseEvent| Msg::LessonAnew(id))}>{ icon("i-loop", 14) }{ speech.t("lesson.anew") }</button>
                    <span class="muted">{ speech.t("lesson.anew.text") }</span></div>
            }
        </section>
    }
}

/// The goals' results, once the guess stands: before, they would give it away.
fn judged(course: &Course) -> &[GoalResult] {
    if course.confirmed { &course.results } else { &[] }
}

fn goal_row(state: &State, course: &Course, index: usize, words: &str) -> Html {
    let result = judged(course).get(index);
    let passed = result.is_some_and(|result| result.passed);
    let current = judged(course).iter().position(|result| !result.passed) == Some(index);
    let instead = result.and_then(|result| result.instead.as_ref()).filter(|_| current);
    html! {
        <li class={if passed { "done" } else if current { "cur" } else { "" }}>
            <span class="box">{ if passed { icon("i-check", 13) } else { Html::default() } }</span>
            <span>{ set(words) }if let Some(instead) = instead { <small>{ state.say(instead) }</small> }
                <span class="sr">{ state.speech.t(if passed { "lesson.goal.yes" } else { "lesson.goal.no" }) }</span></span>
            if current { <em>{ state.speech.t("lesson.now") }</em> }
        </li>
    }
}

/// What happened, and why.
fn truth(state: &State, came: &PredictionOption) -> String {
    let (answer, because) = (text(&state.speech, &came.text), text(&state.speech, &came.because));
    state.say(&msg!("lesson.truth", answer = answer.trim_end_matches('.'), because = because))
}

#[component]
fn Prediction(part: &Part) -> Html {
    let state = &part.state;
    let speech = &state.speech;
    let Some(course) = &state.lesson else { return Html::default() };
    let prediction = &course.lesson.prediction;
    let onsubmit = part.send.reform(|event: SubmitEvent| {
        event.prevent_default();
        Msg::Confirm
    });
    let option = |index: usize| {
        let option = &prediction.options[index];
        let chosen = course.guess == Some(index);
        let truth = course.confirmed.then_some(()).and(course.answer) == Some(index);
        let letter = char::from(b'A' + (index as u8).min(25));
        html! {
            <label class={classes!("opt", chosen.then_some("on"), truth.then_some("true"))}>
                <input type="radio" name="guess" checked={chosen} disabled={course.confirmed} onchange={part.send.reform(move |_: Event| Msg::Guess(index))}/>
                <span class={classes!("rb", chosen.then_some("on"))} aria-hidden="true">{ if truth { icon("i-check", 13) } else { html! { { letter } } } }</span>
                <span><b>{ set(&text(speech, &option.text)) }</b><small>{ set(&text(speech, &option.because)) }</small></span>
            </label>
        }
    };
    let result = course.confirmed.then(|| course.guess == course.answer);
    // What came of the start, whatever was edited and sent since.
    let came = course.answer.and_then(|answer| prediction.options.get(answer));
    html! {
        <form {onsubmit}>
            <fieldset class="predict">
                <legend>{ icon("i-flag", 15) }{ speech.t("lesson.predict") }</legend>
                <p>{ set(&text(speech, &prediction.question)) }</p>
                { for (0..prediction.options.len()).map(option) }
                <div class="row">
                    if let Some(right) = result {
                        <p class={if right { "right" } else { "wrong" }} role="status"><b>{ speech.t(if right { "lesson.right" } else { "lesson.wrong" }) }</b>
                            if let Some(came) = came { { " " }{ set(&truth(state, came)) } }</p>
                    } else {
                        <button type="submit" class="btn now" disabled={course.guess.is_none()}>{ speech.t("lesson.confirm") }</button>
                        <span class="muted">{ speech.t("lesson.fine") }</span>
                    }
                </div>
            </fieldset>
        </form>
    }
}

#[component]
fn Hints(part: &Part) -> Html {
    let state = &part.state;
    let speech = &state.speech;
    let Some(course) = &state.lesson else { return Html::default() };
    let hints = &course.lesson.hints;
    html! {
        <div class="hints">
            <div class="row between"><h2>{ speech.t("lesson.hints") }</h2><span class="muted">{ speech.t("lesson.hints.text") }</span></div>
            <ol>{ for hints.iter().enumerate().map(|(index, hint)| html! {
                <li class={if index < course.hints { "open" } else { "lock" }}>
                    <span class="rung">{ index + 1 }</span>
                    if index < course.hints { <p>{ set(&text(speech, hint)) }</p> }
                    else if index == course.hints { <button type="button" class="btn line sm" onclick={part.send.reform(|_: MouseEvent| Msg::Hint)}>{ speech.t("lesson.hint") }</button> }
                    else { <span class="muted">{ icon("i-lock", 14) }{ " " }{ speech.t("lesson.locked") }</span> }
                </li>
            }) }</ol>
        </div>
    }
}
