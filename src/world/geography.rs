//! Where users are: regions, countries and cities with their shares.

use serde::Deserialize;

use super::value::{List, Name, Share};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Region {
    /// As in `tags.region`.
    pub(crate) name: Name,
    /// Of all events.
    pub(crate) share: Share,
    pub(crate) countries: List<Country>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Country {
    /// ISO 3166, two letters.
    pub(crate) code: Name,
    /// Of the region's events.
    pub(crate) share: Share,
    /// The first octets of IPv4 addresses there.
    pub(crate) networks: List<u8>,
    pub(crate) cities: List<City>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct City {
    pub(crate) name: Name,
    /// Of the country's events.
    pub(crate) share: Share,
}

/// A city with its country and region.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Location<'a> {
    pub(crate) region: &'a Region,
    pub(crate) country: &'a Country,
    pub(crate) city: &'a City,
    /// Of all events, from 0 to 1.
    pub(crate) share: f64,
}

/// Every city of these regions, in their order.
pub(crate) fn locations(regions: &[Region]) -> Vec<Location<'_>> {
    let total = |shares: &mut dyn Iterator<Item = Share>| shares.map(Share::get).sum::<f64>();
    let all = total(&mut regions.iter().map(|r| r.share));
    let mut locations = Vec::new();
    for region in regions {
        let countries = total(&mut region.countries.iter().map(|c| c.share));
        for country in &region.countries[..] {
            let cities = total(&mut country.cities.iter().map(|c| c.share));
            for city in &country.cities[..] {
                let share = region.share.get() / all * (country.share.get() / countries) * (city.share.get() / cities);
                locations.push(Location { region, country, city, share });
            }
        }
    }
    locations
}
