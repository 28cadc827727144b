//! Who owns which address. Every packet asks several times on its way.

use crate::packet::as_is;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Who owns an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Node(usize),
    Pod(usize),
    /// In a node's Pod range, but nobody has it.
    EmptyPodAddress(usize),
    Balancer(usize),
    Alb(usize),
    /// A node's address outside, where a cloud gives it one.
    NodeOutside(usize),
    /// A Pod that a dump leaves out.
    Absent(usize),
    ApiServer,
    Client,
    Gateway,
    Nobody,
}

/// Owners by address, each from its [`Owners::place`] on, which is found quicker than in a map.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners {
    /// A power of two of places, at least half of them free.
    places: Vec<Option<(u32, Owner)>>,
}

impl Owners {
    /// Of addresses that each stand once.
    pub fn of(owners: BTreeMap<Ipv4Addr, Owner>) -> Owners {
        let mut own = Owners { places: vec![None; (owners.len() * 2 + 1).next_power_of_two()] };
        for (ip, owner) in owners {
            let ip = as_is(ip);
            let mut at = own.place(ip);
            while matches!(own.places.get(at), Some(Some(_))) {
                at = own.next(at);
            }
            if let Some(free) = own.places.get_mut(at) {
                *free = Some((ip, owner));
            }
        }
        own
    }

    #[inline(always)]
    pub fn find(&self, ip: Ipv4Addr) -> Option<Owner> {
        let ip = as_is(ip);
        let mut at = self.place(ip);
        while let Some(Some((other, owner))) = self.places.get(at) {
            if *other == ip {
                return Some(*owner);
            }
            at = self.next(at);
        }
        None
    }

    /// Addresses that follow each other lie apart.
    #[inline(always)]
    fn place(&self, ip: u32) -> usize {
        ((u64::from(ip.wrapping_mul(0x9E37_79B9)) * self.places.len() as u64) >> 32) as usize
    }

    #[inline(always)]
    fn next(&self, at: usize) -> usize {
        (at + 1) & self.places.len().wrapping_sub(1)
    }
}
