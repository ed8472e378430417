"""Our matcher beside the unsupervised expectation-maximisation of PyPI `recordlinkage`, on the same rows and the very same pairs.

linkage.py LINK_FILES DATASET FOLDER [--plant FAULT]

LINK_FILES  the built example `link_files`
DATASET     FEBRL data set 3; each original is linked with its first duplicate, without the identity column
FOLDER      where the split, the pairs and the links are written
--plant     a fault put into our links before they are judged, to show that this judge sees it:
    swapped-partners   ten automatic links in twenty exchange partners: precision falls
    lost-links         every fiftieth link is lost: recall falls

Exit code 1 unless our F1 is higher than that of every way the other method is asked, and our automatic links have a precision of at
least 0.999. The truth is the person's number in `rec_id`; neither method is shown it.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import pandas
import recordlinkage

FIELDS = {
    "given_name": "name",
    "surname": "name",
    "street_number": "code",
    "address_1": "text",
    "address_2": "text",
    "suburb": "text",
    "postcode": "code",
    "state": "exact",
    "date_of_birth": "date",
}
AUTOMATIC_PRECISION_MIN = 0.999


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("link_files", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plant", choices=("swapped-partners", "lost-links"))
    return parser.parse_args()


def ours(link_files, dataset, folder):
    """Splits and links; answers the compared pairs and the links with their decision."""
    subprocess.run([link_files, "split", dataset, "--out", folder], check=True)
    command = [link_files, "link", "--left", folder / "originals.csv", "--right", folder / "duplicates.csv"]
    command += ["--key", "rec_id", "--explain", "1"]
    command += ["--pairs-out", folder / "pairs.csv", "--links-out", folder / "links.csv"]
    for column, comparator in FIELDS.items():
        command += ["--field", f"{column}={comparator}"]
    subprocess.run(command, check=True)
    pairs = pandas.MultiIndex.from_frame(pandas.read_csv(folder / "pairs.csv", dtype=str))
    return pairs, pandas.read_csv(folder / "links.csv", dtype={"left": str, "right": str})


def plant(links, fault):
    if fault == "swapped-partners":
        automatic = links.index[links["decision"] == "automatic"][:20]
        partners = links.loc[automatic, "right"].tolist()
        links.loc[automatic, "right"] = partners[10:] + partners[:10]
    if fault == "lost-links":
        links = links[links.index % 50 != 0]
    return links


def comparisons(pairs, left, right, columns):
    """As the package's manual compares FEBRL data: Jaro-Winkler from 0.85 for text, equality for the rest."""
    compare = recordlinkage.Compare()
    for column in columns:
        if FIELDS[column] in ("name", "text"):
            compare.string(column, column, method="jarowinkler", threshold=0.85, label=column)
        else:
            compare.exact(column, column, label=column)
    return compare.compute(pairs, left, right)


def one_to_one(probabilities):
    """The most probable links of which no two share a row."""
    left, right, kept = set(), set(), []
    for pair in probabilities.sort_values(ascending=False, kind="stable").index:
        if pair[0] not in left and pair[1] not in right:
            left.add(pair[0])
            right.add(pair[1])
            kept.append(pair)
    return kept


def theirs(pairs, folder):
    """Every way in which the other method is asked, by name."""
    left = pandas.read_csv(folder / "originals.csv", dtype=str, index_col="rec_id")
    right = pandas.read_csv(folder / "duplicates.csv", dtype=str, index_col="rec_id")
    # The columns of the package's own FEBRL example, then all columns that we compare.
    choices = {
        "six columns": ["given_name", "surname", "date_of_birth", "suburb", "state", "address_1"],
        "nine columns": list(FIELDS),
    }
    for name, columns in choices.items():
        features = comparisons(pairs, left, right, columns)
        classifier = recordlinkage.ECMClassifier()
        links = classifier.fit_predict(features)
        yield name, list(links)
        yield f"{name}, one to one", one_to_one(classifier.prob(features)[links])


def quality(name, links, truth):
    links = set(links)
    right = len(links & truth)
    precision, recall = right / max(len(links), 1), right / len(truth)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    print(f"{name:44} {precision:9.4f} {recall:9.4f} {f1:9.4f} {len(links):7} {len(links) - right:6}")
    return precision, f1


def main():
    given = arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    pairs, links = ours(given.link_files, given.dataset, given.folder)
    links = plant(links, given.plant)

    person = pandas.read_csv(given.folder / "duplicates.csv", dtype=str).set_index("rec_id")["person"]
    truth = {(f"rec-{number}-org", key) for key, number in person.items()}
    found = len(truth & set(pairs))
    print(f"\n{len(truth)} true pairs, {found} of them among the {len(pairs)} pairs that both methods compare")
    print(f"{'':44} precision    recall        F1   links  wrong")
    highest = max(quality(f"recordlinkage ECM, {name}", found, truth)[1] for name, found in theirs(pairs, given.folder))
    tuples = list(zip(links["left"], links["right"]))
    _, f1 = quality("ours, automatic and for review", tuples, truth)
    automatic = [pair for pair, decision in zip(tuples, links["decision"]) if decision == "automatic"]
    precision, _ = quality("ours, automatic", automatic, truth)

    faults = []
    if f1 <= highest:
        faults.append(f"our F1 {f1:.4f} is not above {highest:.4f}")
    if precision < AUTOMATIC_PRECISION_MIN:
        faults.append(f"automatic links have precision {precision:.4f}, at least {AUTOMATIC_PRECISION_MIN} is promised")
    for fault in faults:
        print(f"linkage: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
