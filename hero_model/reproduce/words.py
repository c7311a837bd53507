"""The words of the procedural world: what can be seen, and what is only talked of. Each is in one list only."""


def listed(text: str, between: str | None = None) -> tuple[str, ...]:
    """The words, or what stands between two separators, of a text of several lines."""
    return tuple(" ".join(item.split()) for item in text.split(between))


VERBS = listed("""
    wash cut paint fold lift shake drop open throw hide turn push clean break hang measure wrap stack carry roll tie
    bend burn catch close cover draw dry empty fill fix glue grab heat hit hold kick pack peel pick pull rub scratch
    smash spin split squeeze stretch sweep tear touch twist weigh wipe
""")
THINGS = listed("""
    apple axe bag ball balloon banana barrel basket battery bean bell belt bench bicycle blanket book boot bottle
    bowl box bracelet bread brick broom brush bucket button cabbage cable cage cake camera candle card carpet carrot
    chain chair cheese cherry chest clock coat coin comb cookie cork corn cup curtain cushion dish doll door drawer
    dress drum egg envelope fan feather fence fish flag flask flower flute fork frame fridge garlic glass globe
    glove grape guitar hammer handle hat helmet hinge hook horn hose ink iron jacket jar jewel jug kettle key kite
    knife knob lace ladder lamp leaf lemon lens letter lid lighter lock log lunch magnet mango map marble mask mat
    match melon microscope mirror mop mug mushroom nail napkin necklace needle net notebook nut onion orange oven
    paddle pan paper peach pear pearl pen pencil pepper phone piano pie pillow pin pipe plate plum pocket pot potato
    printer pump purse puzzle quilt racket radio rake razor ribbon ring robe rope rug ruler saddle sail salt saw
    scarf seed shelf shell shirt shoe shovel sink skirt sock sofa spade spoon stamp stone stool stove straw string
    suitcase sweater sword table tent tile tire toaster tomato towel toy tray truck trumpet tube umbrella vase vest
    violin wagon wallet watch wheel whistle wig window wire zip
""")
COLOURS = listed("""
    red blue green yellow black white brown pink grey purple golden silver
""")
SEEN = (*VERBS, *THINGS, *COLOURS)

PEOPLE = listed("""
    sister uncle teacher neighbour doctor cousin grandmother boss friend brother aunt baker captain coach dentist
    driver farmer judge lawyer mayor nephew painter pilot plumber
""")
PLACES = listed(
    """
    school, the beach, the market, the station, the office, the mountains, church, the harbour, the museum,
    hospital, the airport, the library, the theatre, the zoo, the castle, the village, the island, the factory, the
    garden, the university
""",
    ",",
)
