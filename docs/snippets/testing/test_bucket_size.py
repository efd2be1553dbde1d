from dags.bucket_size import the_dag


def total_of(run):
    return run.get_task_instance("total").xcom_pull(task_ids="total")


def test_it_sums_the_sizes(cos):
    run = the_dag.test()
    assert run.state == "success"
    assert total_of(run) == 15
