//! The lines that a component writes to the log while it is called.

use std::collections::HashSet;
use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// What components write has this target, and the component in a field.
const TARGET: &str = "twofactor::provider";
const COMPONENT: &str = "provider";

/// Listens to calls. Each line goes to the program's own log as well, once for the whole check.
#[derive(Default)]
pub(super) struct Lines {
    told: Arc<Mutex<HashSet<String>>>,
}

impl Lines {
    /// Waits for a call, and answers with the lines that were written in it too.
    pub(super) async fn of<T>(&self, call: impl Future<Output = T>) -> (T, Vec<String>) {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let outer = tracing::dispatcher::get_default(Dispatch::clone);
        let listener = Listener { kept: kept.clone(), told: self.told.clone(), outer };
        let answer = call.with_subscriber(listener).await;
        let lines = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
        (answer, lines)
    }
}

struct Listener {
    kept: Arc<Mutex<Vec<String>>>,
    told: Arc<Mutex<HashSet<String>>>,
    outer: Dispatch,
}

impl Subscriber for Listener {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET || self.outer.enabled(metadata)
    }

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target() == TARGET && event.metadata().fields().field(COMPONENT).is_some() {
            let mut line = Line(String::new());
            event.record(&mut line);
            let is_new = self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(line.0.clone());
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
            if !is_new {
                return;
            }
        }
        if self.outer.enabled(event.metadata()) {
            self.outer.event(event);
        }
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.outer.new_span(span)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.outer.record(span, values);
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.outer.record_follows_from(span, follows);
    }

    fn enter(&self, span: &Id) {
        self.outer.enter(span);
    }

    fn exit(&self, span: &Id) {
        self.outer.exit(span);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.outer.clone_span(id)
    }

    fn try_close(&self, id: Id) -> bool {
        self.outer.try_close(id)
    }
}

/// The message of an event.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
