use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Invocations of functions that are going on, those that wait for a place among them, as on AWS.
#[derive(Debug, Default)]
pub(crate) struct Concurrency {
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    all: u32,
    /// By name; a function without any is left out.
    functions: BTreeMap<String, u32>,
}

/// An invocation that is going on until this is dropped.
pub(crate) struct GoingOn {
    concurrency: Arc<Concurrency>,
    function: String,
    at_begin: (u32, u32),
}

impl Concurrency {
    /// An invocation of the function begins.
    pub(crate) fn begin(self: &Arc<Concurrency>, function: &str) -> GoingOn {
        let mut running = self.lock();
        running.all += 1;
        let all = running.all;
        let own = running.functions.entry(function.to_owned()).or_default();
        *own += 1;
        GoingOn {
            at_begin: (*own, all),
            concurrency: Arc::clone(self),
            function: function.to_owned(),
        }
    }

    /// How many go on now: of each function by name, and all.
    pub(crate) fn now(&self) -> (Vec<(String, u32)>, u32) {
        let running = self.lock();
        let functions = running.functions.iter();
        let functions = functions.map(|(name, count)| (name.clone(), *count));
        (functions.collect(), running.all)
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GoingOn {
    /// Invocations of the function and all, this one included, when it began.
    pub(crate) fn at_begin(&self) -> (u32, u32) {
        self.at_begin
    }
}

impl Drop for GoingOn {
    fn drop(&mut self) {
        let mut running = self.concurrency.lock();
        running.all -= 1;
        if let Some(own) = running.functions.get_mut(&self.function) {
            *own -= 1;
            if *own == 0 {
                running.functions.remove(&self.function);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_counted_by_function_and_all_together() {
        let concurrency = Arc::<Concurrency>::default();
        let first = concurrency.begin("a");
        let second = concurrency.begin("a");
        let third = concurrency.begin("b");
        let at_begin = [&first, &second, &third].map(GoingOn::at_begin);
        assert_eq!(at_begin, [(1, 1), (2, 2), (1, 3)]);
        drop((first, third));
        assert_eq!(concurrency.now(), (vec![("a".to_string(), 1)], 1));
        drop(second);
        assert_eq!(concurrency.now(), (vec![], 0));
    }
}
