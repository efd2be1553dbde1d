from airflow.sdk import ObjectStoragePath, dag, task

FOLDER = ObjectStoragePath("cos://cos_default@inventorybucket-1250000000/notes")


@dag(schedule=None)
def files_on_cos():
    @task
    def write():
        with (FOLDER / "classes.csv").open("w") as file:
            file.write("class,bytes\nSTANDARD,12\nARCHIVE,3\n")
        return str(FOLDER / "classes.csv")

    @task
    def read(path):
        with ObjectStoragePath(path).open() as file:
            rows = [line.strip().split(",") for line in file]
        return {"total": sum(int(size) for _, size in rows[1:]), "files": [path.name for path in FOLDER.iterdir()]}

    read(write())


files_on_cos()
