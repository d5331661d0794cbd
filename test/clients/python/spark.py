"""A Spark job: counts words, and makes a table of parquet files larger.

Its arguments are the directory of the text and the one to work in. It prints a line of
JSON after each part and goes on when it is told so.
"""

import json
import os
import sys

# The Spark that came with this Python, whatever else the machine has.
os.environ.pop("SPARK_HOME", None)
os.environ["PYSPARK_PYTHON"] = sys.executable

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession, functions

ROWS = 50_000


def say(**what):
    print(json.dumps(what), flush=True)


def pause():
    sys.stdin.readline()


def count(spark, text, out):
    """The counts are written by the committer that Hadoop has by default."""
    words = spark.sparkContext.textFile(text + "/*").flatMap(str.split)
    counts = words.map(lambda w: (w, 1)).reduceByKey(lambda a, b: a + b, 3)
    counts.map(lambda c: f"{c[0]}\t{c[1]}").saveAsTextFile(out)
    try:
        counts.saveAsTextFile(out)
    except Exception as e:  # of the JVM
        return "FileAlreadyExistsException" in str(e)
    return False


def rows(spark, first):
    ids = spark.range(first, first + ROWS, 1, 3)
    return ids.select("id", (functions.col("id") % 7).alias("part"), functions.sha2(functions.col("id").cast("string"), 256).alias("text"))


def described(table):
    """The number of rows, the sum of a column, and a checksum of another."""
    n, total, check = table.agg(
        functions.count("*"), functions.sum("id"), functions.sum(functions.crc32("text"))
    ).first()
    return {"rows": n, "total": total, "check": check}


def stream(spark, text, work):
    """Takes the files that have come since it was called last, and keeps in a checkpoint which they were."""
    lines = spark.readStream.text(text)
    sink = lines.writeStream.format("parquet").option("checkpointLocation", work + "/checkpoint")
    sink.trigger(availableNow=True).start(work + "/lines").awaitTermination()
    return spark.read.parquet(work + "/lines").count()


def main():
    text, work = sys.argv[1:]
    spark = SparkSession.builder.getOrCreate()
    hadoop = spark._jvm.org.apache.hadoop
    fs = hadoop.fs.FileSystem.get(spark._jsc.hadoopConfiguration())
    say(version=spark.version, hadoop=hadoop.util.VersionInfo.getVersion(), fs=fs.getUri().toString())

    say(refused=count(spark, text, work + "/words"))
    pause()

    table = work + "/table"
    rows(spark, 0).write.parquet(table)
    try:
        rows(spark, 0).write.parquet(table)
        say(refused=False)
    except AnalysisException:
        say(refused=True)
    # What kills a NameNode does so while this runs.
    rows(spark, ROWS).write.mode("append").parquet(table)
    say(**described(spark.read.parquet(table)))
    pause()

    spark.read.parquet(table).write.partitionBy("part").parquet(work + "/parts")
    rows(spark, 0).write.mode("overwrite").partitionBy("part").parquet(work + "/parts")
    say(**described(spark.read.parquet(work + "/parts")))
    say(**described(spark.read.parquet(work + "/parts").where("part = 3")))

    say(lines=stream(spark, text, work))
    pause()
    say(lines=stream(spark, text, work))
    spark.stop()


main()
