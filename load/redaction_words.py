"""What the texts of `load.redaction_texts` are made of: words and templates, written for it.

Lists are halved by turns between the two sets, so that neither set knows a word of the other's.
"""

from typing import Final

FIRST: Final = (
    "James Maria Robert Fatima Oliver Ingrid Samuel Priya Thomas Chloe Daniel Amélie Peter Yuki Lukas Giulia "
    "George Aisha Henry Beatriz Marco Sophie Ahmed Hannah Pierre Katarzyna Carlos Emily Jürgen Nadia William Zoë "
    "Patrick Leila Stefan Grace Mateo Elena Andrew Noor Victor Camille Rajesh Laura Matthias Agnes Kenneth Ines "
    "Dmitri Rachel Joaquim Femke Walter Monica Hugo Deborah Kwame Teresa Sven Louise"
).split()

LAST: Final = (
    "Smith García Müller Okafor Johnson Rossi Dubois Patel Williams Schneider Novak Tanaka Brown Fernández Weber "
    "Khan Taylor Moreau Larsen Nguyen Harris Bianchi Becker O'Connor Thompson Santos Fischer Kowalski Walker Lefèvre "
    "Hoffmann Silva Robinson Romano Jansen Ibrahim Clarke Martínez Wagner Petrov Mitchell Laurent Vogel Mendes "
    "Campbell Ricci Bakker Chowdhury Henderson Fontaine Keller Pereira Whitfield Conti Visser Sharma Ellison Girard "
    "Brandt Almeida"
).split()

STREETS: Final = (
    "Maple Street", "Oak Avenue", "Station Road", "Church Lane", "Park Drive", "High Street", "Cedar Boulevard",
    "Mill Road", "Elm Court", "Victoria Street", "Sunset Way", "King's Road", "Willow Crescent", "Main St",
    "Harbour Terrace", "Lincoln Ave", "Meadow Close", "Washington Blvd", "Orchard Place", "Ridge Rd",
    "Juniper Trail", "Albert Square", "Pine Ln", "Chestnut Grove", "North Parkway", "Quarry Hill", "River Dr",
    "Highland Gardens", "Abbey Walk", "Foundry Row",
)  # fmt: skip

PLACES: Final = (
    "London", "Berlin", "Paris", "Boston", "Madrid", "Toronto", "Leeds", "Hamburg", "Lyon", "Chicago", "Sydney", "Milan",
    "Manchester", "Munich", "Denver", "Lisbon", "Seattle", "Porto", "Bristol", "Vienna", "Dallas", "Amsterdam", "Glasgow",
    "Zurich", "Houston", "Dublin", "Atlanta", "Brussels", "Phoenix", "Rotterdam", "Nottingham", "Cologne", "Portland",
    "Valencia", "Cardiff", "Stuttgart", "Austin", "Marseille", "Liverpool", "Geneva",
)  # fmt: skip

FIRMS: Final = (
    "Northwind", "Brightwater", "Halden", "Quantum Freight", "Redstone Mining", "Orion Textiles", "Blue Harbor", "Veltman",
    "Silverline Logistics", "Castell", "Greenfield Foods", "Meridian Optics", "Ashford Brewing", "Novalis", "Kestrel Air",
    "Pinnacle Software", "Tamarind Trading", "Holt Engineering", "Larkspur Media", "Ironbridge Steel",
)  # fmt: skip

TUNING: Final = (
    "Please update the file of {person}, who moved to {address}.",
    "Hi {first},\n\nthe invoice for {firm} is overdue. Call {phone} before Friday.\n\nBest regards,\n{person}",
    "Name: {person}\nPhone: {phone}\nEmail: {email}\nAddress: {street}, {city}",
    "Dear Mr. {last},\nyour card {card} was charged twice. We are sorry.\nYours sincerely,\n{person}\n{firm}",
    "Transfer 400 EUR to {iban} in the name of {person}.",
    "Summarise the call between {person} and {person} about the {city} office.",
    "The employee's social security number is {ssn} and her mobile is {phone}.",
    "{firm} signed the contract with {institute} last week.",
    "From: {person} <{email}>\nTo: {person} <{email}>\nSubject: Quarterly figures\n\nSee the attached sheet.",
    "Customer {person} called from {phone} and asked us to deliver to {address}",
    "Is Dr. {last} still at {institute}? Ask {first} or write to {email}.",
    "We ship from {continental}, and from {city}.",
    "Translate this to French: the meeting with {person} of {firm} is in {city} at ten.",
    "Patient: {person}, SSN {ssn}, lives at {street}.",
    "Kind regards\n\n{person}\nHead of Sales, {firm}\n{street}\n{city}\nTel. {phone}",
    "Explain how a hash table works, and give an example in Python with three keys.",
    "Refund order 1002934 to card {card}; the buyer is {first} {last}, reachable under {phone}.",
    "Write a polite reminder to {first} about the report that is due on Monday.",
    "Account holder {person}, IBAN {iban}, branch {city}.",
    "The board of {firm} met {person} in {city} on 12 March 2024.",
    "Draft an e-mail to {person} ({email}) and copy {person}.",
    "She works for {firm}, but her sister {first} studies at {institute}.",
    "My address is {address}, my number {phone}.",
    "List five risks of moving the data centre, with a mitigation each.",
)  # fmt: skip

HELD_OUT: Final = (
    "Could you check whether {person} has received the parcel we sent to {address}?",
    "Hello {first},\n\nthanks for the quick answer. You can reach me on {phone} all day.\n\nCheers,\n{first}",
    "Applicant: {person}\nContact number: {phone}\nE-mail: {email}\nHome address: {address}",
    "To whom it may concern: Mrs. {last} paid with {card} on our site and wants her money back.",
    "Beneficiary {person}; account {iban}; bank in {city}; amount 1,250.00.",
    "Compare what {person} and {person} said about the merger of {firm} and {firm}.",
    "For payroll we need {person}'s SSN, which is {ssn}, and the mobile {phone}.",
    "{institute} has chosen {firm} as its supplier for the next three years.",
    "Forwarded message\nFrom: {person} <{email}>\nDate: Tuesday\n\nCan {first} join us in {city}?",
    "The courier left the box at {street} and rang {phone} twice.",
    "Prof. {last} of {institute} will speak after {person}.",
    "Our warehouse at {continental} closes; send everything to {address} instead.",
    "Rewrite this politely: {person} from {firm} never answers, although I wrote to {email} twice.",
    "Tenant {person} (SSN {ssn}) has rented {street} since 2019.",
    "Warm regards,\n{person}\nPurchasing Manager\n{firm}\n{address}\nFax {phone}",
    "What is the difference between a process and a thread? Keep it under a hundred words.",
    "Cancel card {card} for {first} {last} and send the new one to {address}.",
    "Remind {first} that the audit starts next Thursday, please.",
    "The deposit from {iban} belongs to {person} of {city}.",
    "Last autumn {person} left {firm} and moved from {city} to {city}.",
    "Invite {person}, {person} and {email} to the review.",
    "According to {first}, the patient was treated at {institute} in May.",
    "I live at {address} and you can text me at {phone}.",
    "Propose a schedule for the release, from code freeze to rollout.",
)  # fmt: skip
