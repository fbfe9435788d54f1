"""Run methods on your own requests: a file with a column of payloads and one of labels, or lists in memory."""

import csv

import harness

with open("requests.csv", "w", newline="", encoding="utf-8") as stream:
    writer = csv.writer(stream)
    writer.writerow(["raw", "attack"])
    for number in range(200):
        word = f"{chr(97 + number % 26)}{chr(97 + number // 26)}"
        writer.writerow(
            [f"GET /shop/{word}?id={word}'+or+'1'='1 HTTP/1.1\r\nHost: shop.example\r\n\r\n", "sql-injection"]
        )
        writer.writerow([f"GET /faq/{word}?q=<b>{word}</b> HTTP/1.1\r\nHost: faq.example\r\n\r\n", "xss"])

# From a file: `mapping` says which of its columns is what.
mapping = {"payload": "raw", "label": "attack"}
results = harness.run("tfidf-logreg", "requests.csv", "random", seeds=1, trials=1, mapping=mapping)
print(results.table())

# The same from memory.
with open("requests.csv", newline="", encoding="utf-8") as stream:
    rows = list(csv.DictReader(stream))
payloads, labels = [row["raw"] for row in rows], [row["attack"] for row in rows]
print(harness.run("tfidf-logreg", (payloads, labels), "random", seeds=1, trials=1).table())
