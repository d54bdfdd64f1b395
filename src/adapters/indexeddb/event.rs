//! Events of the browser as futures. No promise is involved: a promise resolves in a microtask of its own, and an
//! IndexedDB transaction does not wait for anybody.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{poll_fn, Future};
use std::rc::Rc;
use std::task::{Poll, Waker};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Event, EventTarget};

/// A function that is called at each event of one type, until this is dropped.
pub struct Listener {
    target: EventTarget,
    event: &'static str,
    function: Closure<dyn FnMut(Event)>,
}

impl Listener {
    pub fn new(target: &EventTarget, event: &'static str, function: impl FnMut(Event) + 'static) -> Listener {
        let function = Closure::new(function);
        // Fails for targets that are no event targets only, which the type excludes.
        let _ = target.add_event_listener_with_callback(event, function.as_ref().unchecked_ref());
        Listener { target: target.clone(), event, function }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let function = self.function.as_ref().unchecked_ref();
        let _ = self.target.remove_event_listener_with_callback(self.event, function);
    }
}

#[derive(Default)]
struct Seen {
    events: VecDeque<&'static str>,
    waker: Option<Waker>,
}

/// The events of some types in the order in which they happen, from the moment this is made.
pub struct Events {
    seen: Rc<RefCell<Seen>>,
    _listeners: Vec<Listener>,
}

impl Events {
    pub fn of(target: &EventTarget, events: &[&'static str]) -> Events {
        let seen = Rc::new(RefCell::new(Seen::default()));
        let listen = |&event: &&'static str| {
            let seen = Rc::clone(&seen);
            Listener::new(target, event, move |_| {
                let mut seen = seen.borrow_mut();
                seen.events.push_back(event);
                seen.waker.take().inspect(Waker::wake_by_ref);
            })
        };
        let listeners = events.iter().map(listen).collect();
        Events { seen, _listeners: listeners }
    }

    /// The type of the next event.
    pub fn next(&mut self) -> impl Future<Output = &'static str> + '_ {
        poll_fn(|context| {
            let mut seen = self.seen.borrow_mut();
            match seen.events.pop_front() {
                Some(event) => Poll::Ready(event),
                None => {
                    seen.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
    }
}

/// Resolves after some milliseconds.
pub async fn sleep(milliseconds: u32) {
    let start = |resolve: js_sys::Function, _| {
        let set = js_sys::Reflect::get(&js_sys::global(), &"setTimeout".into());
        let set = set.and_then(|set| set.dyn_into::<js_sys::Function>());
        // Without timers there is nothing to wait for.
        if set.and_then(|set| set.call2(&JsValue::UNDEFINED, &resolve, &milliseconds.into())).is_err() {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    };
    let _ = JsFuture::from(js_sys::Promise::new(&mut { start })).await;
}
