//! Minutes, or seconds, that are in memory because values still come for them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use stepwell_store::{Error, Snapshot};

use super::{Distribution, rows};

/// Series, and minute or second since 1970.
pub(super) type Place = (u32, u32);

/// Points in memory, with what of them is not written yet.
pub(super) struct OpenPoints {
    key: fn(u32, u32) -> Vec<u8>,
    points: HashMap<Place, Open>,
    dirty: Vec<Place>,
    /// Of all points, and of those that are not written yet.
    bytes: usize,
    dirty_bytes: usize,
}

struct Open {
    values: Distribution,
    is_dirty: bool,
    /// Of the row as it is stored; 0 if there is none.
    stored_bytes: u32,
}

impl Open {
    /// What it takes in memory, about; its row takes little more.
    fn bytes(&self) -> usize {
        size_of::<(Place, Open)>() + self.values.bytes()
    }
}

impl OpenPoints {
    /// - `key`: of the row of a point.
    pub(super) fn new(key: fn(u32, u32) -> Vec<u8>) -> OpenPoints {
        OpenPoints {
            key,
            points: HashMap::new(),
            dirty: Vec::new(),
            bytes: 0,
            dirty_bytes: 0,
        }
    }

    /// Adds values to a point, which is read if it is not in memory.
    pub(super) fn add(
        &mut self,
        (series, at): Place,
        values: &Distribution,
        snapshot: &dyn Snapshot,
    ) -> Result<(), Error> {
        let open = match self.points.entry((series, at)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let key = (self.key)(series, at);
                let (values, stored_bytes) = match snapshot.get(&key)? {
                    Some(value) => {
                        let values = rows::decode_point(&key, &value)?;
                        (values, (key.len() + value.len()) as u32)
                    }
                    None => (Distribution::default(), 0),
                };
                let open = Open {
                    values,
                    is_dirty: false,
                    stored_bytes,
                };
                self.bytes += open.bytes();
                entry.insert(open)
            }
        };
        let before = open.bytes();
        open.values.merge(values);
        let after = open.bytes();
        self.bytes = self.bytes + after - before;
        match open.is_dirty {
            true => self.dirty_bytes = self.dirty_bytes + after - before,
            false => {
                open.is_dirty = true;
                self.dirty.push((series, at));
                self.dirty_bytes += after;
            }
        }
        Ok(())
    }

    /// Gives the rows of all that is not written yet; the change of their bytes is the answer.
    pub(super) fn write(&mut self, mut put: impl FnMut(Vec<u8>, Vec<u8>)) -> i64 {
        let mut change = 0;
        for (series, at) in std::mem::take(&mut self.dirty) {
            let Some(open) = self.points.get_mut(&(series, at)) else {
                continue;
            };
            let (key, value) = ((self.key)(series, at), rows::encode_point(&open.values));
            let bytes = (key.len() + value.len()) as u32;
            change += i64::from(bytes) - i64::from(open.stored_bytes);
            open.stored_bytes = bytes;
            open.is_dirty = false;
            put(key, value);
        }
        self.dirty_bytes = 0;
        change
    }

    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    /// Of all points.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many points are not written yet, and their bytes.
    pub(super) fn dirty(&self) -> (usize, usize) {
        (self.dirty.len(), self.dirty_bytes)
    }

    /// Takes those out of memory that are before an instant; gives the earliest of the others.
    ///
    /// - What is not written yet must be written before.
    pub(super) fn forget_before(&mut self, from: u32) -> Option<u32> {
        let (mut earliest, mut gone) = (None, 0);
        self.points.retain(|(_, at), open| {
            let stays = *at >= from;
            match stays {
                true => earliest = Some(earliest.map_or(*at, |earliest: u32| earliest.min(*at))),
                false => gone += open.bytes(),
            }
            stays
        });
        self.bytes -= gone;
        earliest
    }

    /// As [`OpenPoints::forget_before`], of all of them.
    pub(super) fn clear(&mut self) {
        *self = OpenPoints::new(self.key);
    }
}

#[cfg(test)]
mod tests {
    use stepwell_store::{Memory, Store as _};

    use super::*;

    /// Adds so many distinct values to a point.
    fn add(points: &mut OpenPoints, place: Place, count: u32) {
        let mut values = Distribution::default();
        (0..count).for_each(|number| values.add(f64::from(number) + 0.5, 1.0));
        let snapshot = Memory::new().snapshot();
        points.add(place, &values, &*snapshot).expect("it reads");
    }

    fn counted(points: &OpenPoints) -> usize {
        points.points.values().map(Open::bytes).sum()
    }

    #[test]
    fn bytes_are_those_of_the_points_and_only_what_has_changed_is_written() {
        let mut points = OpenPoints::new(rows::minute_key);
        // More values than are kept apart: the point shrinks again.
        for (place, count) in [((1, 5), 1), ((1, 5), 150), ((1, 5), 400), ((2, 7), 20)] {
            add(&mut points, place, count);
            assert_eq!(points.bytes(), counted(&points));
        }
        assert!(points.bytes() > 1_000);
        assert_eq!(points.dirty(), (2, points.bytes()));
        let mut written = 0;
        let change = points.write(|key, value| written += key.len() + value.len());
        assert_eq!(change, written as i64);
        assert_eq!(points.dirty(), (0, 0));
        add(&mut points, (2, 7), 20);
        let mut keys = Vec::new();
        points.write(|key, _| keys.push(key));
        assert_eq!(keys, [rows::minute_key(2, 7)]);
        assert_eq!(points.forget_before(6), Some(7));
        assert_eq!(points.bytes(), counted(&points));
        assert_eq!(points.forget_before(8), None);
        assert_eq!((points.len(), points.bytes()), (0, 0));
    }
}
