//! Where users are: regions, countries, cities, and the shares of each.

use serde::Deserialize;

use super::value::{List, Name, Share};

/// A region of the world.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Region {
    /// Its name in `tags.region`.
    pub(crate) name: Name,
    /// Its share of all events.
    pub(crate) share: Share,
    /// Its countries.
    pub(crate) countries: List<Country>,
}

/// A country of a region.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Country {
    /// Its ISO 3166 code.
    pub(crate) code: Name,
    /// Its share of the region's events.
    pub(crate) share: Share,
    /// The first octets of its addresses.
    pub(crate) networks: List<u8>,
    /// Its cities.
    pub(crate) cities: List<City>,
}

/// A city of a country.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct City {
    /// Its name.
    pub(crate) name: Name,
    /// Its share of the country's events.
    pub(crate) share: Share,
}

/// A city with all that stands above it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Its region.
    pub(crate) region: &'a Region,
    /// Its country.
    pub(crate) country: &'a Country,
    /// The city.
    pub(crate) city: &'a City,
    /// Its share of all events, 0 to 1.
    pub(crate) share: f64,
}

/// Every city of these regions, in their order.
pub(crate) fn places(regions: &[Region]) -> Vec<Place<'_>> {
    let total = |shares: &mut dyn Iterator<Item = Share>| shares.map(Share::get).sum::<f64>();
    let all = total(&mut regions.iter().map(|r| r.share));
    let mut places = Vec::new();
    for region in regions {
        let countries = total(&mut region.countries.iter().map(|c| c.share));
        for country in &region.countries[..] {
            let cities = total(&mut country.cities.iter().map(|c| c.share));
            for city in &country.cities[..] {
                let share = region.share.get() / all * (country.share.get() / countries) * (city.share.get() / cities);
                places.push(Place { region, country, city, share });
            }
        }
    }
    places
}
