//! Who calls: classes of callers (a city and a device type), and the users in each.

use toml::Spanned;

use super::kind::zipf;
use crate::error::Result;
use crate::seed::{Choice, Seed};
use crate::world::devices::Device;
use crate::world::geography::{Location, locations};
use crate::world::profile::Profile;

/// More users would exceed the memory that pgen promises to stay within.
const MOST_USERS: u64 = 10_000_000;

/// All callers of a profile.
#[derive(Debug)]
pub(super) struct Population<'a> {
    /// In order of regions, countries and cities, and of devices within a city.
    pub(super) classes: Vec<Class<'a>>,
    /// The share of events of all classes before each, in 2^-32, with one more entry for the end.
    shares_before: Vec<u64>,
    /// Running sums of the weights of a class's users by rank, in 2^-32 of the first's.
    ranks: Vec<u64>,
    /// Where to look in `ranks`: see [`guide`].
    guide: Vec<u32>,
    guide_shift: u32,
    first_user: u32,
    users: u64,
    /// The step through the user numbers, chosen so that neighbours are in different classes.
    stride: u64,
    agent: Choice,
    address: Choice,
}

/// The callers of one city with one type of device.
#[derive(Debug)]
pub(super) struct Class<'a> {
    pub(super) location: Location<'a>,
    pub(super) device: &'a Device,
    /// The index of the device's first agent in a list of all agents of all classes.
    pub(super) first_agent: u32,
    /// The index of its first user in the population.
    users_from: u64,
    users: u64,
}

/// A caller as an event shows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    /// The number in the user id; 0 means none.
    pub(super) user: u32,
    /// Class and user agent: an index into a list of all agents of all classes.
    pub(super) agent: u32,
    /// IPv4.
    pub(super) address: u32,
}

impl<'a> Population<'a> {
    /// Divides a profile's users among the classes.
    ///
    /// # Errors
    /// A usage error that names file, line and key if there are too many users, or too few to give each class one.
    pub(super) fn of(profile: &'a Profile, seed: Seed) -> Result<Self> {
        const WHOLE: f64 = 4_294_967_296.0;
        let (first_user, count) = (&profile.users.first, &profile.users.count);
        let users = u64::from(*count.get_ref());
        let fault = |key: &Spanned<u32>, words: String| Err(profile.fault(key.span().start, words));
        if users > MOST_USERS {
            return fault(count, format!("users.count: {users}: expected at most {MOST_USERS}"));
        }
        if *first_user.get_ref() == 0 || u64::from(*first_user.get_ref()) + users > u64::from(u32::MAX) {
            let most = u64::from(u32::MAX) - users;
            let words =
                format!("users.first: {}: expected a number from 1 to {most}, because of count", first_user.get_ref());
            return fault(first_user, words);
        }
        let devices: f64 = profile.devices.iter().map(|d| d.share.get()).sum();
        let (mut classes, mut shares_before) = (Vec::new(), vec![0]);
        let (mut before, mut first_agent, mut most) = (0.0, 0, 0);
        for location in locations(&profile.regions) {
            for device in &profile.devices[..] {
                let share = location.share * device.share.get() / devices;
                if share <= 0.0 {
                    continue;
                }
                // Shares are from 0 to 1, so all of these are in range.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
                let place_of = |share: f64| (share.min(1.0) * users as f64).round() as u64;
                let (from, to) = (place_of(before), place_of(before + share));
                if from == to {
                    let (device, city) = (&device.name, &location.city.name);
                    let words = format!("users.count: {users} is too few: no user is left for {device} in {city}");
                    return fault(count, words);
                }
                before += share;
                most = most.max(to - from);
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                shares_before.push((before * WHOLE).round() as u64);
                classes.push(Class { location, device, first_agent, users_from: from, users: to - from });
                first_agent += u32::try_from(device.agents.len()).unwrap_or(u32::MAX);
            }
        }
        if classes.len() > usize::from(u16::MAX) {
            let words = "regions: expected at most 65535 pairs of a city and a device";
            return Err(profile.fault(profile.regions[0].name.at(), words));
        }
        *shares_before.last_mut().expect("it starts with one") = 1 << 32;
        let mut sum = 0;
        let ranks =
            zipf(usize::try_from(most).unwrap_or(0), profile.popularity.users.get()).into_iter().map(|weight| {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let part = (weight * WHOLE).round() as u64;
                sum += part;
                sum
            });
        let ranks: Vec<u64> = ranks.collect();
        let (guide, guide_shift) = guide(&ranks);
        Ok(Self {
            ranks,
            guide,
            guide_shift,
            classes,
            shares_before,
            first_user: *first_user.get_ref(),
            users,
            stride: coprime_near(users * 618 / 1000, users),
            agent: seed.choice("user agent"),
            address: seed.choice("ip address"),
        })
    }

    /// How many of `count` events each class gets: its share to within one, and exactly its share in expectation over draws.
    pub(super) fn quotas<'q>(&'q self, count: u64, draw: u32) -> impl Iterator<Item = u64> + 'q {
        let upto = move |share: u64| ((u128::from(count) * u128::from(share) + u128::from(draw)) >> 32) as u64;
        self.shares_before.windows(2).map(move |w| upto(w[1]) - upto(w[0]))
    }

    /// The user of a class for a draw. Few users call often, most seldom.
    #[allow(clippy::cast_possible_truncation)] // a draw's part of a 64-bit total, and a number below first + count
    pub(super) fn user(&self, class: u16, draw: u64) -> Caller {
        let of = &self.classes[usize::from(class)];
        let total = self.ranks[usize::try_from(of.users - 1).unwrap_or(usize::MAX)];
        let rank = self.rank(((u128::from(draw) * u128::from(total)) >> 64) as u64);
        let number = (of.users_from + rank) * self.stride % self.users;
        // Below first + count, which fits.
        #[allow(clippy::cast_possible_truncation)]
        let user = self.first_user + number as u32;
        self.caller(class, user, u64::from(user))
    }

    /// The first rank whose running sum exceeds `at`.
    fn rank(&self, at: u64) -> u64 {
        let part = usize::try_from(at >> self.guide_shift).unwrap_or(usize::MAX);
        let (from, to) = (self.guide[part] as usize, self.guide[part + 1] as usize);
        (from + self.ranks[from..to].partition_point(|sum| *sum <= at)) as u64
    }

    /// A caller of a class without a user id.
    pub(super) fn anonymous(&self, class: u16, draw: u64) -> Caller {
        self.caller(class, 0, draw)
    }

    fn caller(&self, class: u16, user: u32, key: u64) -> Caller {
        let of = &self.classes[usize::from(class)];
        let (agents, networks) = (of.device.agents.len() as u64, &of.location.country.networks);
        let draw = self.address.at(key);
        let [network, b, c, d, ..] = draw.to_le_bytes();
        let address = u32::from_be_bytes([networks[usize::from(network) % networks.len()], b, c, d.clamp(1, 254)]);
        #[allow(clippy::cast_possible_truncation)] // below the number of agents
        let agent = of.first_agent + (((self.agent.at(key) >> 32) * agents) >> 32) as u32;
        Caller { user, agent, address }
    }
}

/// An index for [`Population::rank`]: the last running sum is cut into at most 1024 parts of 2^shift, each with the first rank
/// that can occur in it. So a few steps find a rank among thousands.
fn guide(ranks: &[u64]) -> (Vec<u32>, u32) {
    let last = ranks[ranks.len() - 1];
    let shift = (64 - last.leading_zeros()).saturating_sub(10);
    let first_above = |part: u64| ranks.partition_point(|sum| *sum <= part << shift);
    let parts = (0..=(last >> shift)).map(|part| u32::try_from(first_above(part)).unwrap_or(u32::MAX));
    (parts.chain([u32::try_from(ranks.len()).unwrap_or(u32::MAX)]).collect(), shift)
}

/// A number near `start` that has no common factor with `modulus`.
fn coprime_near(start: u64, modulus: u64) -> u64 {
    let gcd = |mut a: u64, mut b: u64| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    (start.max(1)..).find(|n| gcd(*n, modulus) == 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    #[test]
    fn quotas_add_up_and_differ_from_the_shares_by_at_most_one() {
        let profile = Profile::built_in();
        let population = Population::of(&profile, Seed::new(1)).expect("a population");
        for (count, draw) in [(0, 0), (1, 7), (1000, u32::MAX), (123_457, 1 << 31)] {
            let quotas: Vec<u64> = population.quotas(count, draw).collect();
            assert_eq!(quotas.iter().sum::<u64>(), count);
            for (class, quota) in population.classes.iter().zip(quotas) {
                let share = class.location.share * class.device.share.get() / 100.0;
                assert!((quota as f64 - share * count as f64).abs() < 1.001);
            }
        }
    }

    #[test]
    fn a_user_has_one_class_and_agent_and_the_popular_call_more_often() {
        let profile = Profile::built_in();
        let population = Population::of(&profile, Seed::new(1)).expect("a population");
        let draws = Seed::new(2).choice("users");
        let mut class_of = HashMap::new();
        for class in 0..u16::try_from(population.classes.len()).expect("few") {
            let mut seen = HashMap::<u32, u32>::new();
            for i in 0..5000 {
                let caller = population.user(class, draws.at(i));
                assert!((10_000..100_000).contains(&caller.user));
                assert_eq!(*class_of.entry(caller.user).or_insert((class, caller.agent)), (class, caller.agent));
                *seen.entry(caller.user).or_default() += 1;
            }
            let mut counts: Vec<u32> = seen.into_values().collect();
            counts.sort_unstable_by(|a, b| b.cmp(a));
            let ratio = f64::from(counts[0]) / f64::from(counts[1]);
            assert!((1.5..2.7).contains(&ratio), "{ratio}");
        }
        let agents: HashSet<u32> = (0..500).map(|i| population.anonymous(0, draws.at(i)).agent).collect();
        assert_eq!(agents.len(), population.classes[0].device.agents.len());
    }
}
