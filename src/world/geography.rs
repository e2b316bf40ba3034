//! Where users are: regions, countries, cities, and the shares of each.

use serde::Deserialize;

use super::value::{List, Name, Share};

/// A region of the world.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its name in `tags.region`.
    pub name: Name,
    /// Its share of all events.
    pub share: Share,
    /// Its countries.
    pub countries: List<Country>,
}

/// A country of a region.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Country {
    /// Its ISO 3166 code.
    pub code: Name,
    /// Its share of the region's events.
    pub share: Share,
    /// The first octets of its addresses.
    pub networks: List<u8>,
    /// Its cities.
    pub cities: List<City>,
}

/// A city of a country.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct City {
    /// Its name.
    pub name: Name,
    /// Its share of the country's events.
    pub share: Share,
}

/// A city with all that stands above it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Its region.
    pub region: &'a Region,
    /// Its country.
    pub country: &'a Country,
    /// The city.
    pub city: &'a City,
    /// Its share of all events, 0 to 1.
    pub share: f64,
}

/// Every city of these regions, in their order.
pub fn places(regions: &[Region]) -> Vec<Place<'_>> {
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
