namespace PixSearch.Training.Data.Sources;

/// <summary>
/// The photographs among Tux Paint's stamps that show one animal or plant, with the noun that WordNet knows.
/// </summary>
internal static class StampList
{
    /// <summary>One stamp.</summary>
    public sealed record Stamp(string Path, string Name, string Label);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Stamp> All { get; } =
    [
        .. Parse("animals/birds", "bird",
            "albino_peahen=peahen crow crowned_crane=crane cuckoo duck=mallard gander guineafowl=guinea_fowl "
            + "heron_greatblue=great_blue_heron hen penguin=king_penguin magpie nandou=rhea ostrich owl=snowy_owl "
            + "peacock pelican pigeon pink_flamingo=flamingo quetzal rainbow-lorikeet=rainbow_lorikeet rooster "
            + "seagull=gull tucan=toucan turkey vulture magellanic_penguin=jackass_penguin drake"),
        .. Parse("animals/fish", "fish",
            "bluegroper=grouper "
            + "butterflyfish=butterfly_fish clownfish=anemone_fish dolphinfish lionfish moonwrasse=wrasse "
            + "seahorse"),
        .. Parse("animals/fish", "shellfish", "lobster=spiny_lobster shrimp"),
        .. Parse("animals/shellfish", "shellfish", "abalone murray-mussel=freshwater_mussel"),
        .. Parse("animals/insects", "insect",
            "Woodlouse=woodlouse bee fly=housefly grasshopper hornet hoverfly mantis xanthia=moth"),
        .. Parse("animals", "animal",
            "marsupials/koala "
            + "marsupials/kangaroo marsupials/wombat insects/Brown_slug=slug lizards/iguana amphibians/frog "
            + "mammals/apes/chimp=chimpanzee mammals/apes/gorilla mammals/apes/tamarin_emperor=tamarin "
            + "mammals/aquatic/dolphin "
            + "mammals/aquatic/orca=killer_whale mammals/aquatic/otter mammals/aquatic/sea_lion "
            + "mammals/aquatic/whale=humpback mammals/badger mammals/bears/european-bear=brown_bear "
            + "mammals/bears/bear=American_black_bear mammals/bovines/bison mammals/bovines/bull mammals/bovines/cow "
            + "mammals/bovines/gnu-stand=gnu mammals/bovines/goat mammals/bovines/indian_blackbuck=blackbuck "
            + "mammals/bovines/mountaingoat=chamois mammals/bovines/ram mammals/bovines/sheep "
            + "mammals/bovines/sheep_lamb=lamb "
            + "mammals/bovines/yak mammals/bovines/zebu mammals/camel/camel=Bactrian_camel "
            + "mammals/camel/dromedary mammals/cats/lion mammals/cats/tiger mammals/deer/caribou mammals/deer/deer "
            + "mammals/deer/doe mammals/deer/wapiti mammals/dogs/dingo mammals/dogs/dog=malamute mammals/dogs/fox "
            + "mammals/echidna mammals/elephant mammals/equines/donkey mammals/equines/horse mammals/equines/zebra "
            + "mammals/giraffe mammals/hippopotamus mammals/pig mammals/rhino_black=black_rhinoceros "
            + "mammals/rodents/beaver mammals/rodents/capybara mammals/rodents/marmot mammals/rodents/mouse "
            + "mammals/rodents/rabbit mammals/rodents/rat mammals/rodents/squirrel mammals/wildboar=wild_boar"),
        .. Parse("plants/flowers", "flower",
            "rose "
            + "daffodil iris marigold anemone_red=anemone flower10=hibiscus whitestar-petunia=petunia "
            + "red-gazania=gazania "
            + "anthoorium=anthurium"),
        .. Parse("plants", "plant",
            "trees/birch trees/holly_leaves=holly trees/holm_oak trees/liberia-palm=palm lavender thyme"),
        .. Parse("plants/mushrooms", "mushroom", "cep=Boletus_edulis"),
        .. Parse("food/fruit", "fruit",
            "pineapple orange_seville=sour_orange Cherry_Stella=cherry pear grapes=grape raspberry "
            + "apple_granny_smith=Granny_Smith apple_red=apple orange mandarine=mandarin avocado cherimoya lemon mango "
            + "Apricot_whole=apricot kiwi banana pomegranate strawberry sliced_lime=lime"),
        .. Parse("food/nuts", "nut", "pecan walnut almond"),
        .. Parse("food/vegetables", "vegetable",
            "tomato "
            + "garlic onion lettuce chilepepper=chili potato pattypan_squash yam pepper=bell_pepper broccoli carrot "
            + "eggplant pumpkin_small=pumpkin corn"),
        .. Parse("food/spices", "spice", "ginger"),
    ];

    private static IEnumerable<Stamp> Parse(string folder, string label, string list) =>
        list.Split(' ').Select(item =>
        {
            string[] halves = item.Split('=');
            string name = halves.Length > 1 ? halves[1] : halves[0].Split('/')[^1];
            return new Stamp($"{folder}/{halves[0]}", name.Replace('_', ' '), label);
        });
}
